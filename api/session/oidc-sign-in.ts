/** Signing in to the console at the issuer: the authorisation code flow of OpenID Connect, with PKCE, state and nonce. */
import * as client from 'openid-client';
import type { Database } from '../../prisma/database.js';
import type { Principal } from '../../prisma/queries/authenticate.js';
import {
  isJwt,
  IssuerUnavailableError,
  principalOfClaims,
  TokenRefusedError,
  type OidcOptions,
  type OidcVerifier,
} from '../oidc.js';

export interface OidcClientOptions {
  clientId: string;
  /** Absent: a public client, which PKCE alone protects. */
  clientSecret?: string;
  /** What is asked for, separated by spaces; `openid` is among it. */
  scope: string;
}

/** What the browser keeps while it is at the issuer; only who has it can finish what was started. */
export interface PendingSignIn {
  state: string;
  nonce: string;
  codeVerifier: string;
}

/** The issuer did not let somebody in, or what came back does not belong to what was started. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefusedError';
}

export interface OidcSignIn {
  /** @throws IssuerUnavailableError */
  start(redirectUri: string): Promise<{ url: URL; pending: PendingSignIn }>;
  /**
   * @param callback the address to which the issuer sent the browser back
   * @throws SignInRefusedError, TokenRefusedError, IssuerUnavailableError
   */
  finish(callback: URL, pending: PendingSignIn): Promise<Principal>;
}

const TIMEOUT_SECONDS = 5;
const CLOCK_TOLERANCE_SECONDS = 30;

export function createOidcSignIn(
  database: Database,
  options: OidcOptions & OidcClientOptions,
  verifier: OidcVerifier,
): OidcSignIn {
  let discovery: Promise<client.Configuration> | undefined;

  async function configuration(): Promise<client.Configuration> {
    try {
      return await (discovery ??= discover(options));
    } catch (error) {
      discovery = undefined; // the next one tries again
      throw new IssuerUnavailableError(`the configuration of ${options.issuer} can't be fetched`, { cause: error });
    }
  }

  /** Some issuers put roles into the access token only. */
  async function principalOf(tokens: Awaited<ReturnType<typeof client.authorizationCodeGrant>>): Promise<Principal> {
    try {
      return await principalOfClaims(database, options, tokens.claims() ?? {});
    } catch (error) {
      if (!(error instanceof TokenRefusedError) || !isJwt(tokens.access_token)) throw error;
      return verifier.verify(tokens.access_token);
    }
  }

  return {
    async start(redirectUri) {
      const configured = await configuration();
      const pending = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        codeVerifier: client.randomPKCECodeVerifier(),
      };
      const url = client.buildAuthorizationUrl(configured, {
        redirect_uri: redirectUri,
        scope: options.scope,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(pending.codeVerifier),
        code_challenge_method: 'S256',
      });
      return { url, pending };
    },

    async finish(callback, { state, nonce, codeVerifier }) {
      const configured = await configuration();
      const tokens = await client
        .authorizationCodeGrant(configured, callback, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
        })
        .catch((error: unknown) => {
          throw translated(error);
        });
      return principalOf(tokens);
    },
  };
}

async function discover({ issuer, clientId, clientSecret }: OidcOptions & OidcClientOptions) {
  const server = new URL(issuer);
  // isSafeIssuerUrl has seen to it that such an issuer is on this machine
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- not old: marked so that it stands out
  const execute = server.protocol === 'http:' ? [client.allowInsecureRequests] : [];
  const metadata = { [client.clockTolerance]: CLOCK_TOLERANCE_SECONDS };
  const configured = await client.discovery(server, clientId, metadata, authenticationBy(clientSecret), {
    timeout: TIMEOUT_SECONDS,
    execute,
  });
  // the connection vouches for the token already; its signature costs nothing to check
  client.enableNonRepudiationChecks(configured);
  return configured;
}

/** Issuers that say nothing take `client_secret_basic`. */
function authenticationBy(clientSecret: string | undefined): client.ClientAuth {
  if (clientSecret === undefined) return client.None();
  const [basic, post] = [client.ClientSecretBasic(clientSecret), client.ClientSecretPost(clientSecret)];
  return (server, ...request) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    (methods.includes('client_secret_basic') ? basic : post)(server, ...request);
  };
}

/** Codes of openid-client for an issuer that does not answer, or not as one. */
const UNAVAILABLE = new Set(['OAUTH_TIMEOUT', 'OAUTH_ABORT', 'OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_PARSE_ERROR']);

function translated(error: unknown): Error {
  if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError) {
    return new SignInRefusedError(`the issuer answered ${error.error.slice(0, 100)}`, { cause: error });
  }
  if (error instanceof client.ClientError && !UNAVAILABLE.has(error.code ?? '')) {
    return new SignInRefusedError(error.message, { cause: error });
  }
  return new IssuerUnavailableError('the issuer does not answer', { cause: error });
}
