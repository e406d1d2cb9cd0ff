/** Reads answers that may never end. */
import { setTimeout as sleep } from 'node:timers/promises';

/** @returns an answer's text; of server-sent events only what comes within `ms`, because some streams follow for ever */
export async function textWithin(response: Response, ms: number): Promise<string> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.text();
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  const timeUp = sleep(ms, undefined);
  for (let text = ''; ;) {
    const read = await Promise.race([reader?.read(), timeUp]);
    if (read?.value) text += decoder.decode(read.value as Uint8Array, { stream: true });
    if (read && !read.done) continue;
    await reader?.cancel();
    return text;
  }
}
