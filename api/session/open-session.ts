/** Signing in: whoever a token, a link or an issuer stands for gets a session, and the browser its cookie. */
import type { Request, Response } from 'express';
import { followConsoleLink, type LinkFault } from '../../prisma/queries/console-link.js';
import {
  endConsoleSession,
  endSurplusSessions,
  openConsoleSession,
  type OpenedSession,
} from '../../prisma/queries/console-session.js';
import type { Principal } from '../../prisma/queries/authenticate.js';
import { authenticateBearer } from '../authentication.js';
import type { AppDependencies } from '../dependencies.js';
import { toApiError, unauthenticated, type ApiError } from '../problem.js';
import { sessionSecretOf, setSessionCookie } from './cookie.js';

type Deps = Pick<AppDependencies, 'database' | 'oidc'>;
type By = 'token' | 'link' | 'oidc';

export interface Exchange {
  request: Request;
  response: Response;
}

const LINK_FAULTS: Record<LinkFault, string> = {
  unknown: 'the link is not valid',
  used: 'the link has been used; each signs in once',
  expired: 'the link has expired; make another one',
};

/** @throws an error that toApiError translates into `unauthenticated` if the token gives no access */
export async function openByToken(deps: Deps, exchange: Exchange, token: string | undefined): Promise<void> {
  let principal: Principal;
  try {
    principal = await authenticateBearer(deps, token);
  } catch (error) {
    const problem = toApiError(error);
    if (problem.code === 'unauthenticated') logRefusal(exchange, 'token', problem);
    throw problem;
  }
  if (principal.kind === 'node_api_key') {
    throw unauthenticated('this is the key of a node; sign in with an API token', { sent: true });
  }
  await openForPrincipal(deps, exchange, principal, 'token');
}

/** @throws ApiError unauthenticated if the link is no longer good */
export async function openByLink(deps: Deps, exchange: Exchange, token: string): Promise<void> {
  const opened = await followConsoleLink(deps.database, token);
  if (typeof opened !== 'string') return handOver(deps, exchange, opened, 'link');
  const problem = unauthenticated(LINK_FAULTS[opened], { sent: true });
  logRefusal(exchange, 'link', problem);
  throw problem;
}

export async function openForPrincipal(deps: Deps, exchange: Exchange, principal: Principal, by: By): Promise<void> {
  await handOver(deps, exchange, await openConsoleSession(deps.database, principal), by);
}

/** The session that the browser had before is over. */
async function handOver({ database }: Deps, exchange: Exchange, opened: OpenedSession, by: By): Promise<void> {
  const { request, response } = exchange;
  const { id: sessionId, secret, principalId, organizationId, role, endsAt } = opened;
  const former = sessionSecretOf(request);
  if (former !== undefined) await endConsoleSession(database, former);
  await endSurplusSessions(database, opened);
  setSessionCookie(request, response, secret, endsAt);
  request.log.info({ event: 'session_opened', by, sessionId, principalId, role, organizationId }, 'somebody signed in');
}

/** The reasons quote nothing of what was sent. */
function logRefusal({ request }: Exchange, by: By, { message }: ApiError): void {
  request.log.warn({ event: 'session_refused', by, reason: message }, 'somebody could not sign in');
}
