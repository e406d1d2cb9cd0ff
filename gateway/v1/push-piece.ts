/** Smaller pieces are joined, because each buffer costs some 200 bytes of its own. */
const JOINED_BYTES = 64 * 1024;

/**
 * Appends a piece to what has come of a message. However small the pieces are in which a node sends it, few buffers are
 * held, and each byte is copied about as often as a binary counter carries.
 */
export function pushPiece(pieces: Buffer[], piece: Buffer): void {
  let last = piece;
  for (let before = pieces.at(-1); before; before = pieces.at(-1)) {
    if (before.length > last.length || before.length + last.length > JOINED_BYTES) break;
    pieces.pop();
    last = Buffer.concat([before, last]);
  }
  pieces.push(last);
}
