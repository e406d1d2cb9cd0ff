/** The names of the organisation's nodes, by their ids: asked once, and again when an id is met that has none yet. */
import { computed, effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { Backoff } from './backoff.js';
import { ask, hive } from './client.js';
import { onMissed } from './feed.js';
import { session } from './session.js';

type Node = Schemas['Node'];

/** By name. Undefined until the hive has answered. */
export const nodes = signal<readonly Node[] | undefined>(undefined);
const names = computed(() => new Map(nodes.value?.map(({ id, name }) => [id, name])));

const backoff = new Backoff();
let asking: Promise<void> | undefined;
let aborting: AbortController | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
const unknown = new Set<string>();

/** Asks now; if that fails, also later, until there is an answer. */
export function loadNodes(): Promise<void> {
  asking ??= read().finally(() => (asking = undefined));
  return asking;
}

async function read(): Promise<void> {
  clearTimeout(retry);
  aborting = new AbortController();
  const { signal } = aborting;
  try {
    nodes.value = await ask(hive.GET('/v1/nodes', { signal }));
    backoff.reset();
  } catch (error) {
    if (!signal.aborted) retry = setTimeout(loadQuietly, backoff.next());
    throw error;
  }
}

/** That the hive can't be read is said elsewhere on the page. */
const loadQuietly = (): void => void loadNodes().catch(() => undefined);

/** Asks for the nodes, and has them as soon as they are known. */
export function useNodes(): readonly Node[] | undefined {
  useEffect(() => {
    loadQuietly();
    return onMissed(loadQuietly);
  }, []);
  return nodes.value;
}

/** @returns the node's name, or the beginning of its id until the name is known */
export function nodeName(id: string): string {
  const name = names.value.get(id);
  if (name !== undefined) return name;
  if (nodes.peek() !== undefined && !unknown.has(id)) {
    unknown.add(id);
    loadQuietly();
  }
  return id.slice(0, 8);
}

// whoever signs in next may be of another organisation
effect(() => {
  if (session.value !== null) return;
  aborting?.abort();
  clearTimeout(retry);
  nodes.value = undefined;
  unknown.clear();
});
