/** The console's sessions: signing in by a token, a link or an issuer, and out. */
import type { z } from 'zod';
import { createConsoleLink } from '../../prisma/queries/console-link.js';
import { endConsoleSession } from '../../prisma/queries/console-session.js';
import type { Principal } from '../../prisma/queries/authenticate.js';
import { findOwnOrganization } from '../../prisma/queries/organization.js';
import { forOrganization } from '../../prisma/organization-scope.js';
import type { AppDependencies } from '../dependencies.js';
import { answer, route, type Route } from '../route.js';
import { currentSession, newSession, sessionLink, type session } from '../schemas/session.js';
import { baseUrlOf } from '../session/base-url.js';
import { clearSessionCookie, sessionSecretOf } from '../session/cookie.js';
import { openByLink, openByToken } from '../session/open-session.js';
import { refuseOtherSites, requireFromConsole } from '../session/same-origin.js';

const tag = 'sessions';

export function sessionRoutes(deps: AppDependencies): Route[] {
  const { database, publicUrl, oidcSignIn, version = '0.0.0' } = deps;
  return [
    route({
      method: 'get',
      path: '/v1/session',
      operationId: 'getSession',
      tag,
      summary: 'Who the request comes from, and what a hive tells anyone about itself',
      description: 'For the console, which asks this first. Nobody signed in is no error.',
      access: 'anyone',
      responses: { 200: currentSession },
      handle: async ({ principal }) =>
        answer(200, {
          session: principal ? await sessionOf(deps, principal) : null,
          hive: { version, public_url: publicUrl ?? null, sign_in: { oidc: oidcSignIn !== undefined } },
        }),
    }),
    route({
      method: 'post',
      path: '/v1/session',
      operationId: 'openSession',
      tag,
      summary: 'Sign in to the console',
      description:
        'Trades a token, or a one-time link, for a cookie that no script can read. The session ends 12 h after its last ' +
        'use, after 7 days, or with the token.',
      access: 'public',
      isLimitedByAddress: true,
      body: newSession,
      responses: { 204: { description: 'Signed in: the answer sets the cookie.' } },
      errors: [
        'unauthenticated',
        'cross_site_request',
        'too_many_requests',
        'issuer_unavailable',
        'database_unavailable',
      ],
      handle: async ({ body: { token, link }, request, response }) => {
        refuseOtherSites(request);
        if (link !== undefined) await openByLink(deps, { request, response }, link);
        else await openByToken(deps, { request, response }, token);
        return answer(204);
      },
    }),
    route({
      method: 'delete',
      path: '/v1/session',
      operationId: 'endSession',
      tag,
      summary: 'Sign out of the console',
      access: 'anyone',
      responses: { 204: { description: 'Nobody is signed in any more.' } },
      handle: async ({ request, response }) => {
        const secret = sessionSecretOf(request);
        if (secret === undefined) return answer(204);
        requireFromConsole(request);
        const sessionId = await endConsoleSession(database, secret);
        clearSessionCookie(request, response);
        if (sessionId !== undefined) request.log.info({ event: 'session_ended', sessionId }, 'somebody signed out');
        return answer(204);
      },
    }),
    route({
      method: 'post',
      path: '/v1/session/links',
      operationId: 'createSessionLink',
      tag,
      summary: 'Make a link that signs in to the console once',
      description: 'Good for five minutes. What it opens is as the caller’s credential, and ends with it.',
      access: 'admin',
      responses: { 201: sessionLink },
      handle: async ({ scope, principal, request }) => {
        const { id, token, expiresAt } = await createConsoleLink(scope, principal);
        const { organizationId } = scope;
        request.log.info(
          { event: 'session_link_made', linkId: id, createdBy: principal.id, organizationId },
          'a link to the console was made',
        );
        const url = `${baseUrlOf(request, publicUrl)}/sign-in#link=${token}`;
        return answer(201, { url, expires_at: expiresAt.toISOString() });
      },
    }),
  ];
}

async function sessionOf(
  { database }: AppDependencies,
  { organizationId, role, expiresAt }: Principal,
): Promise<z.input<typeof session> | null> {
  const organization = await findOwnOrganization(forOrganization(database, organizationId));
  if (!organization) return null;
  const { id, name } = organization;
  return { role, organization: { id, name }, expires_at: expiresAt?.toISOString() ?? null };
}
