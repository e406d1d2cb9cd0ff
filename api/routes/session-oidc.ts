/** Signing in to the console at an OpenID Connect issuer. Browsers come here by navigating: what fails is told by a page. */
import type { AppDependencies } from '../dependencies.js';
import { IssuerUnavailableError, TokenRefusedError } from '../oidc.js';
import { ApiError } from '../problem.js';
import { markRefused } from '../rate-limit.js';
import { route, WRITTEN, type Route } from '../route.js';
import { oidcCallbackQuery, oidcStartQuery, type SignInFault } from '../schemas/session.js';
import { baseUrlOf } from '../session/base-url.js';
import { SignInRefusedError, type OidcSignIn } from '../session/oidc-sign-in.js';
import { openForPrincipal, type Exchange } from '../session/open-session.js';
import { keepSignIn, takeSignIn } from '../session/pending-cookie.js';
import { requireNavigation } from '../session/same-origin.js';

const tag = 'sessions';
const CALLBACK = '/v1/session/oidc/callback';

export function oidcSessionRoutes(deps: AppDependencies): Route[] {
  const { publicUrl } = deps;
  return [
    route({
      method: 'get',
      path: '/v1/session/oidc',
      operationId: 'startOidcSession',
      tag,
      summary: 'Go to the OpenID Connect issuer to sign in to the console',
      access: 'public',
      isLimitedByAddress: true,
      query: oidcStartQuery,
      responses: { 303: { description: 'To the issuer; to `/sign-in?error=issuer_unavailable` if it is away.' } },
      errors: ['not_found', 'cross_site_request', 'too_many_requests'],
      handle: async ({ query: { return_to: returnTo }, request, response }) => {
        requireNavigation(request);
        const signIn = required(deps.oidcSignIn);
        try {
          const { url, pending } = await signIn.start(baseUrlOf(request, publicUrl) + CALLBACK);
          keepSignIn(request, response, { ...pending, returnTo });
          response.redirect(303, url.href);
        } catch (error) {
          refuse({ request, response }, error, returnTo);
        }
        return WRITTEN;
      },
    }),
    route({
      method: 'get',
      path: CALLBACK,
      operationId: 'finishOidcSession',
      tag,
      summary: 'Come back from the issuer',
      description:
        'The issuer sends the browser here; it must know this address as a redirect URI of the hive’s client.',
      access: 'public',
      isLimitedByAddress: true,
      query: oidcCallbackQuery,
      responses: {
        303: { description: 'To the page that was asked for, signed in; to `/sign-in?error=…` if that failed.' },
      },
      errors: ['not_found', 'cross_site_request', 'too_many_requests'],
      handle: async ({ request, response }) => {
        requireNavigation(request);
        const signIn = required(deps.oidcSignIn);
        const kept = takeSignIn(request, response);
        try {
          if (!kept) throw new SignInRefusedError('the browser did not bring back what it was given');
          const callback = new URL(baseUrlOf(request, publicUrl) + CALLBACK);
          callback.search = new URL(request.originalUrl, 'http://hive.invalid').search;
          await openForPrincipal(deps, { request, response }, await signIn.finish(callback, kept), 'oidc');
          response.redirect(303, kept.returnTo);
        } catch (error) {
          refuse({ request, response }, error, kept?.returnTo ?? '/');
        }
        return WRITTEN;
      },
    }),
  ];
}

function required(signIn: OidcSignIn | undefined): OidcSignIn {
  if (signIn) return signIn;
  throw new ApiError('not_found', 'this hive has no OpenID Connect issuer to sign in at');
}

/** @throws the error if it is none of signing in */
function refuse({ request, response }: Exchange, error: unknown, returnTo: string): void {
  const fault = faultOf(error);
  if (!fault || !(error instanceof Error)) throw error;
  if (fault !== 'issuer_unavailable') markRefused(response);
  request.log.warn({ event: 'session_refused', by: 'oidc', reason: error.message }, 'somebody could not sign in');
  response.redirect(303, `/sign-in?${new URLSearchParams({ error: fault, return_to: returnTo }).toString()}`);
}

function faultOf(error: unknown): SignInFault | undefined {
  if (error instanceof SignInRefusedError) return 'refused';
  if (error instanceof TokenRefusedError) return 'no_access';
  if (error instanceof IssuerUnavailableError) return 'issuer_unavailable';
  return undefined;
}
