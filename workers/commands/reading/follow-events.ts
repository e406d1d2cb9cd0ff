/** Follows an event stream of a hive through whatever happens to the hive: each event once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { apiError } from '../hive-access.js';
import { fetchFrom, isPassing, type Hive } from './api.js';
import { readEvents, type ServerEvent } from './server-events.js';
import { Patience } from './patience.js';

/** The hive sends a comment every 15 s. */
const SILENCE_MS = 45_000;
/** Why a stream ends that will not come back: the status of that as an answer, and what to tell. */
const FINAL = new Map<unknown, { status: number; sentence: string }>([
  ['unauthenticated', { status: 401, sentence: 'the credential was revoked or has expired, so nothing more is sent' }],
  ['forbidden', { status: 403, sentence: 'the credential no longer allows this, so nothing more is sent' }],
  ['not_found', { status: 404, sentence: 'the hive no longer has what was followed: it was deleted' }],
  ['log_damaged', { status: 500, sentence: 'stored lines are damaged, so what comes after them is not sent' }],
]);

interface FollowOptions {
  /** With its query. */
  path: string;
  /** The id of an event, to go on after it. @default the stream's beginning */
  after?: string;
  signal?: AbortSignal;
}

/** Ends when the stream has ended for good. @throws HiveApiError if the hive refuses it, at first or later */
export async function* followEvents(
  hive: Hive,
  { path, after, signal }: FollowOptions,
): AsyncGenerator<ServerEvent, void, undefined> {
  const patience = new Patience(hive.address.url);
  let last = after;
  for (;;) {
    const connection = new AbortController();
    const abort = () => connection.abort();
    signal?.addEventListener('abort', abort);
    const silence = setTimeout(abort, SILENCE_MS);
    try {
      const body = await open(hive, { path, after: last, signal: connection.signal });
      if (!body) return;
      patience.reward();
      for await (const event of readEvents(body, () => silence.refresh())) {
        if (event.event === 'end') return;
        if (event.event === 'message') {
          last = event.id ?? last;
          yield event;
        } else throwIfFinal(event, hive);
      }
    } catch (error) {
      if (!isPassing(error)) throw error;
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener('abort', abort);
      connection.abort();
    }
    if (signal?.aborted) return;
    await sleep(patience.punish(), undefined, { signal }).catch(() => undefined);
  }
}

/** @returns undefined if the stream has ended for good */
async function open(
  hive: Hive,
  { path, after, signal }: FollowOptions & { signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const headers = { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) };
  const { status, body } = await fetchFrom(hive, path, { headers, signal });
  return status === 204 || !body ? undefined : body;
}

/** @throws HiveApiError if the event says that the stream will not go on; one that was only cut off is resumed */
function throwIfFinal({ data }: ServerEvent, { address }: Hive): void {
  let reason: unknown;
  try {
    ({ reason } = JSON.parse(data) as { reason?: unknown });
  } catch {
    return;
  }
  const final = FINAL.get(reason);
  if (final) throw apiError(address, final.status, String(reason), final.sentence);
}
