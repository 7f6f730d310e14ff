/**
 * Gives a chunk's memory back now instead of at some collection: V8 lets up to 64 MiB of such garbage pile up before
 * it looks. For a chunk of a stream that nobody needs any more and that nothing still reads; one that is part of a
 * larger piece of memory is left to V8.
 */
export function giveBack(chunk: Uint8Array): void {
  const { buffer, byteLength } = chunk
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
