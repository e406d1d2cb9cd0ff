/**
 * The hive's feed of changes, which keeps every page live. One stream for the whole console, which goes on where it was
 * when a hive is restarted, or when somebody comes back to the page.
 */
import { signal } from '@preact/signals';
import type { Schemas } from '../../api/client/client.js';
import { Backoff } from './backoff.js';
import { loadSession } from './session.js';
import { whileSeen } from './while-seen.js';

export type Change = Schemas['Change'];

/**
 * Whether the hive is heard from: the frame says so when it is not. `away`: no hive answers. `silent`: one answers, but
 * gives no stream, because too many are open or what is between allows none.
 */
export const connection = signal<'connecting' | 'live' | 'away' | 'silent'>('connecting');

type Listener = (change: Change) => void;
const listeners = new Set<Listener>();
const missedListeners = new Set<() => void>();

/** @returns a function that ends it */
export function onChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Calls when changes may not have been told, so that what is shown is to be asked for again: when the stream begins,
 * and now and then while there is none.
 * @returns a function that ends it
 */
export function onMissed(listener: () => void): () => void {
  missedListeners.add(listener);
  return () => missedListeners.delete(listener);
}

const missed = (): void => {
  for (const listener of missedListeners) listener();
};

/** While a hive answers but gives no stream; it asks for 10 s. */
const SILENT_MS = { minMs: 10_000, maxMs: 15_000 };

class Feed {
  readonly #backoff = new Backoff();
  readonly #silent = new Backoff(SILENT_MS);
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #position: string | undefined;
  #hasBegun = false;
  /** How often it was tried in vain since it was live. */
  #failures = 0;

  open(): void {
    const after = this.#position ?? 'latest';
    const stream = new EventSource(`/v1/changes/stream?after=${encodeURIComponent(after)}`);
    this.#source = stream;
    stream.onopen = () => this.#begun();
    stream.onmessage = ({ data, lastEventId }: MessageEvent<string>) => {
      if (lastEventId !== '') this.#position = lastEventId;
      const change = JSON.parse(data) as Change;
      for (const listener of listeners) listener(change);
    };
    // An EventSource that comes back by itself does not tell why it was away, and after an answer without a stream never does.
    stream.onerror = () => void this.#lost(stream);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
    connection.value = 'connecting';
  }

  #begun(): void {
    this.#failures = 0;
    this.#backoff.reset();
    this.#silent.reset();
    connection.value = 'live';
    missed();
    // whose changes are told now? The cookie may be another since the stream began first
    if (this.#hasBegun) void loadSession();
    this.#hasBegun = true;
  }

  async #lost(stream: EventSource): Promise<void> {
    stream.close();
    this.#failures++;
    // the status of an answer without a stream cannot be read; and the session may be over
    const isAnswered = await loadSession();
    if (this.#source !== stream) return; // closed, or even open again
    const isSilent = isAnswered && this.#failures > 1;
    connection.value = !isAnswered ? 'away' : isSilent ? 'silent' : 'connecting';
    if (isSilent) missed();
    this.#timer = setTimeout(() => this.open(), (isSilent ? this.#silent : this.#backoff).next());
  }
}

/** @returns a function that ends it */
export function followFeed(): () => void {
  const feed = new Feed();
  const unwatch = whileSeen({ open: () => feed.open(), close: () => feed.close() });
  return () => {
    unwatch();
    feed.close();
  };
}
