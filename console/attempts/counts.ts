/** How many attempts there are of each status and state, as the hive counts them. */
import { batch, signal } from '@preact/signals';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { changed, queryOf, type Filters } from './filters.js';

export type AttemptCounts = Schemas['AttemptCounts'];

export class Counts {
  /** With the other filters, whatever status and state the list shows: what its tabs tell. Undefined until it is known. */
  readonly tabs = signal<AttemptCounts | undefined>(undefined);
  /** How many the list has. */
  readonly total = signal<number | undefined>(undefined);
  readonly #filters: Filters;

  constructor(filters: Filters) {
    this.#filters = filters;
  }

  /** @throws what the hive or the network says */
  async load(signal: AbortSignal): Promise<void> {
    const others = changed(this.#filters, { status: undefined, sync_state: undefined });
    const isNarrower = this.#filters.status !== undefined || this.#filters.sync_state !== undefined;
    const [tabs, own] = await Promise.all([
      count(others, signal),
      isNarrower ? count(this.#filters, signal) : undefined,
    ]);
    batch(() => {
      this.tabs.value = tabs;
      this.total.value = (own ?? tabs).total;
    });
  }
}

const count = (filters: Filters, signal: AbortSignal): Promise<AttemptCounts> =>
  ask(hive.GET('/v1/swarm/attempts/counts', { params: { query: queryOf(filters) }, signal }));
