/**
 * Frees a chunk's memory immediately: V8 collects such garbage only after up to 64 MiB. Call it for a chunk of a stream
 * that nothing reads any more. A chunk that is part of a larger buffer is left to V8.
 */
export function releaseMemory(chunk: Uint8Array): void {
  const { buffer, byteLength } = chunk
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
