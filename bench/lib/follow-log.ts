/** A reader that follows an attempt's log as it grows. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { RunningHive, Stage } from './stage.js';

/**
 * Follows the log by server-sent events until the signal aborts.
 * @param seen gets the time at which each line was printed, taken from its text, in ms since the epoch
 */
export async function followLog(
  stage: Stage,
  hive: RunningHive,
  attemptId: string,
  signal: AbortSignal,
  seen: (printedAt: number) => void,
): Promise<void> {
  const url = `${hive.url}/v1/swarm/attempts/${attemptId}/logs/stream`;
  try {
    const response = await fetch(url, { headers: stage.authorization, signal });
    if (!response.body) throw new Error(`no stream of ${attemptId}: ${response.status}`);
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    for await (const line of createInterface({ input: body })) {
      if (!line.startsWith('data: {')) continue;
      const { content } = JSON.parse(line.slice('data: '.length)) as { content?: string };
      if (content !== undefined) seen(Number(content.slice(0, content.indexOf(' '))));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
