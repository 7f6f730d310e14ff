// For `--import`: makes every `process.exit` hang in its last moment, as a fault of Node 24.21 did.
process.reallyExit = () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
