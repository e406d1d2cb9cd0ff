/** Reads a stream of JSON lines as it arrives: what comes together is given together. */
export async function* readNdjson<T>(response: Response): AsyncGenerator<T[]> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) yield lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
    }
    if (rest.trim() !== '') yield [JSON.parse(rest) as T];
  } finally {
    reader.cancel().catch(() => undefined); // of a stream that was aborted, it fails
  }
}
