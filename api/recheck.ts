import type { Request } from 'express';
import { authenticateRequest } from './authentication.js';
import type { AppDependencies } from './dependencies.js';
import { hasExpired } from './oidc.js';
import { toApiError, unauthenticated } from './problem.js';

/** Checks the credential of a request again while its answer takes long: it may be revoked or expire meanwhile. */
export class Recheck {
  readonly #authenticate: () => Promise<unknown>;
  readonly #request: Request;
  readonly #everyMs: number;
  #checkedAt = performance.now();

  /** @param everyMs the longest that an answer goes on with a credential that is no longer valid */
  constructor(deps: Pick<AppDependencies, 'database' | 'oidc'>, request: Request, everyMs: number) {
    this.#authenticate = () => authenticateRequest(deps, request, { canBeUse: false }); // nobody may be there any more
    this.#request = request;
    this.#everyMs = everyMs;
  }

  /** Checks it if the last time was long ago. @returns whether the answer must end */
  async isRefused(): Promise<boolean> {
    return performance.now() - this.#checkedAt >= this.#everyMs && this.isRefusedNow();
  }

  /** Only a refused credential ends an answer: if it can't be checked for a moment, the answer goes on. */
  async isRefusedNow(): Promise<boolean> {
    this.#checkedAt = performance.now();
    try {
      await this.#authenticate();
      return false;
    } catch (error) {
      return toApiError(error).code === 'unauthenticated' || hasExpired(this.#request.get('authorization') ?? '');
    }
  }

  /** @throws ApiError unauthenticated if the answer must end */
  async require(): Promise<void> {
    if (await this.isRefused()) throw refused();
  }

  /** @throws ApiError unauthenticated if the answer must end */
  async requireNow(): Promise<void> {
    if (await this.isRefusedNow()) throw refused();
  }
}

function refused() {
  return unauthenticated('the credential is no longer valid', { sent: true });
}
