/** Why the hive cannot be reached, in words that say what to do. */
import { messageOf } from '../errors.js';

const UNKNOWN_AUTHORITY =
  "the authority that signed its certificate is unknown here: let NODE_EXTRA_CA_CERTS name a file with that authority's certificate";

/** By the code that Node gives the failure. */
const ADVICE: Record<string, string> = {
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name server does not answer',
  ECONNREFUSED: 'nothing listens there',
  EPROTO: 'it does not speak TLS there: does the address need http:// or ws://?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there: does the address need http:// or ws://?',
  CERT_HAS_EXPIRED: "its certificate has expired, or this machine's clock is wrong",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: is this machine's clock right?",
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
};

/** By the status with which something answers that should open a socket. */
const ANSWER_ADVICE: Record<string, string> = {
  '301': 'does the address need https:// or wss://?',
  '308': 'does the address need https:// or wss://?',
  '404': 'is this the address of a hive?',
};

/** @returns a failure's code if it has one, otherwise its message; and what to do, if that is known */
export function reasonOf(error: unknown): string {
  const cause = firstCause(error);
  const code = codeIn(cause);
  const answered = /^Unexpected server response: (\d+)$/.exec(messageOf(cause))?.[1];
  if (answered !== undefined) return withAdvice(`it answers ${answered}`, ANSWER_ADVICE[answered]);
  if (isAbort(cause)) return 'no answer in time';
  return withAdvice(code ?? messageOf(cause), ADVICE[code ?? '']);
}

function withAdvice(reason: string, advice: string | undefined): string {
  return advice === undefined ? reason : `${reason}: ${advice}`;
}

/** A host name with several addresses fails with one error for each. */
function firstCause(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return firstCause(error.errors[0]);
  return error;
}

function isAbort(error: unknown): boolean {
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  return name === 'AbortError' || name === 'TimeoutError';
}

/** Not an AbortError's, which is the number 20. */
function codeIn(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && error.code !== 'ABORT_ERR' ? error.code : undefined;
}
