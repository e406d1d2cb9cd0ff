import type { Principal } from '../../prisma/queries/authenticate.js';
import { searchesRunning } from '../metrics.js';
import type { Limits } from '../dependencies.js';
import { ApiError } from '../problem.js';

type SearchingPrincipal = Pick<Principal, 'id' | 'organizationId'>;

/** Of the process's searches: an organisation can make any number of credentials, and must leave some to the others. */
const SHARE_OF_ORGANIZATION = 3 / 4;

/** How many searches run at once: of all of the process, of one organisation, and of one credential. */
export class SearchSlots {
  readonly #limits: Pick<Limits, 'searches' | 'searchesPerCredential'>;
  /** By the ids of credentials and of organisations. */
  readonly #by = new Map<string, number>();
  #running = 0;

  constructor(limits: Pick<Limits, 'searches' | 'searchesPerCredential'>) {
    this.#limits = limits;
  }

  /**
   * Runs a search in a slot of its own.
   * @throws ApiError too_many_requests
   */
  async use<T>({ id, organizationId }: SearchingPrincipal, search: () => Promise<T>): Promise<T> {
    const ofCredential = this.#by.get(id) ?? 0;
    const ofOrganization = this.#by.get(organizationId) ?? 0;
    const { searches, searchesPerCredential } = this.#limits;
    if (ofCredential >= searchesPerCredential) throw tooMany(`this credential has ${ofCredential} searches running`);
    if (ofOrganization >= Math.ceil(searches * SHARE_OF_ORGANIZATION) && ofOrganization < searches)
      throw tooMany(`this organisation has ${ofOrganization} searches running`);
    if (this.#running >= searches) throw tooMany(`this hive has ${searches} searches running`);
    this.#count([id, organizationId], 1);
    try {
      return await search();
    } finally {
      this.#count([id, organizationId], -1);
    }
  }

  #count(ids: string[], change: 1 | -1): void {
    for (const id of ids) {
      const now = (this.#by.get(id) ?? 0) + change;
      if (now === 0) this.#by.delete(id);
      else this.#by.set(id, now);
    }
    this.#running += change;
    searchesRunning.inc(change);
  }
}

function tooMany(why: string): ApiError {
  return new ApiError('too_many_requests', `${why}; try again later`, { headers: { 'retry-after': '2' } });
}
