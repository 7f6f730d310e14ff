// For `--import`: makes every `process.exit` hang, like a bug of Node 24.21.
process.reallyExit = () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
