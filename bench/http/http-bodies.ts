/** What the three measured routes answer, in the shapes of a status of nodes, a badge and a list of releases. */
export const bodies = {
  status: {
    success: true,
    nodes: Array.from({ length: 24 }, (_, n) => ({
      name: `orchestrator-${n}`,
      address: `0x${String(n).padStart(40, '0')}`,
      network: n % 2 === 0 ? 'mainnet' : 'testnet',
      status: 'online',
      is_active: true,
      uptime_percentage: 99.25 + n / 100,
      response_time_ms: 41 + n,
      last_seen: '2026-11-20T09:30:00.000Z',
      bridges: { total: 12, online: 11, offline: 1, names: ['alpha', 'beta', 'gamma', 'delta'] },
    })),
  },
  badge: `<svg xmlns="http://www.w3.org/2000/svg" width="132" height="20" role="img">${'<rect width="132" height="20" fill="#4c1"/>'.repeat(22)}</svg>`,
  releases: {
    latest: '2.4.1',
    channel: 'stable',
    platforms: ['linux-amd64', 'linux-arm64', 'darwin-arm64', 'windows-amd64'],
    published_at: '2026-11-20T09:30:00.000Z',
  },
}
