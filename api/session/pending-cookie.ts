/** The cookie that a browser has while it is at the issuer: what it must bring back, and where it wants to go then. */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { consolePath } from '../schemas/session.js';
import { cookieName, cookieOptions, readCookie } from './cookie.js';
import type { PendingSignIn } from './oidc-sign-in.js';

const NAME = 'hivesync_sign_in';
/** How long somebody may take at the issuer. */
const MINUTES = 10;

const pendingSignIn = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnTo: consolePath,
});
export type KeptSignIn = PendingSignIn & { returnTo: string };

/** It comes along when the issuer sends the browser back, which another site's page causes: hence `lax`. */
const options = (request: Request) => cookieOptions(request, 'lax');

export function keepSignIn(request: Request, response: Response, pending: KeptSignIn): void {
  const value = Buffer.from(JSON.stringify(pending)).toString('base64url');
  response.cookie(cookieName(request, NAME), value, { ...options(request), maxAge: MINUTES * 60_000 });
}

/** Takes it away, too: each is good once. @returns undefined if the browser has none */
export function takeSignIn(request: Request, response: Response): KeptSignIn | undefined {
  const value = readCookie(request, NAME);
  if (value === undefined) return undefined;
  response.clearCookie(cookieName(request, NAME), options(request));
  try {
    return pendingSignIn.safeParse(JSON.parse(Buffer.from(value, 'base64url').toString())).data;
  } catch {
    return undefined; // not what was set
  }
}
