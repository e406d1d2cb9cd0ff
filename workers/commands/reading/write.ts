/** Writing to standard output no faster than it is read, and ending without a word if the reader goes away (`| head`). */

let isWatched = false;

/** From now on, the end of standard output's reader is the end of this process. */
export function endQuietlyWithReader(): void {
  if (isWatched) return;
  isWatched = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`hive: standard output cannot be written (${error.code ?? error.message})\n`);
    process.exit(1);
  });
}

/** Waits until standard output has room again. */
export async function write(text: string): Promise<void> {
  if (text === '' || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}
