/**
 * Temporal's page tokens as they go through the API. Temporal answers a token that is not its own with "please retry",
 * and its client then retries until the deadline, so only tokens that the hive itself gave may get there.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** A page token that this hive's installation did not give to the organisation. */
export class PageTokenError extends Error {
  override readonly name = 'PageTokenError';
  readonly code = 'page_token_refused';
}

const SEAL_BYTES = 16;

/** Every hive of an installation opens what another one has sealed. */
export class PageTokenSeal {
  readonly #key: string;

  /** @param key the same for all hives of the installation, and unknown to its readers */
  constructor(key: string) {
    this.#key = key;
  }

  seal(token: Buffer, organizationId: string): Buffer {
    return Buffer.concat([this.#sealOf(token, organizationId), token]);
  }

  /** @throws PageTokenError */
  open(sealed: Buffer, organizationId: string): Buffer {
    const token = sealed.subarray(SEAL_BYTES);
    const seal = sealed.subarray(0, SEAL_BYTES);
    if (seal.length !== SEAL_BYTES || !timingSafeEqual(seal, this.#sealOf(token, organizationId))) {
      throw new PageTokenError('the page token was not given by this installation');
    }
    return token;
  }

  #sealOf(token: Buffer, organizationId: string): Buffer {
    return createHmac('sha256', this.#key).update(organizationId).update(token).digest().subarray(0, SEAL_BYTES);
  }
}
