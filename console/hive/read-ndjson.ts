import { CutOffError } from './until-answered.js';

/**
 * Reads a stream of JSON lines as it arrives: what comes together is given together.
 * @throws CutOffError if it ends in the middle of a line
 */
export async function* readNdjson<T>({ body }: Response): AsyncGenerator<T[]> {
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) yield lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
    }
    if (rest.trim() !== '') throw new CutOffError(); // each line ends, the last one too
  } finally {
    reader.cancel().catch(() => undefined); // of a stream that was aborted, it fails
  }
}
