/** Files that only their owner may read. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Replaces a file in one step: whoever reads it sees the former or the new text. @throws Error if the disk refuses it */
export function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
