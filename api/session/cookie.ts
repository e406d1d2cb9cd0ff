/** The cookie of a browser that is signed in to the console. Scripts can't read it, and no other site's page can send it. */
import type { CookieOptions, Request, Response } from 'express';

export const SESSION_COOKIE = 'hivesync_session';

/** Names a setting of the app: whether people reach the hive by https, whatever a proxy says of a single request. */
export const IS_REACHED_BY_HTTPS = 'hivesync reached by https';

/**
 * Names a setting of the app: which installation its hives are of. A browser sends the cookies of a host to all its
 * ports, so that the cookies of two installations must not have the same name.
 */
export const INSTALLATION_ID = 'hivesync installation';

/** @returns what the session's cookie holds; undefined without one */
export function sessionSecretOf(request: Request): string | undefined {
  return readCookie(request, SESSION_COOKIE);
}

export function setSessionCookie(request: Request, response: Response, secret: string, endsAt: Date): void {
  const maxAge = Math.max(0, endsAt.getTime() - new Date().getTime());
  response.cookie(cookieName(request, SESSION_COOKIE), secret, { ...cookieOptions(request), maxAge });
}

export function clearSessionCookie(request: Request, response: Response): void {
  response.clearCookie(cookieName(request, SESSION_COOKIE), cookieOptions(request));
}

/** Cookies are not sent with requests that another site causes, unless `sameSite` says otherwise. */
export function cookieOptions(request: Request, sameSite: 'strict' | 'lax' = 'strict'): CookieOptions {
  return { httpOnly: true, sameSite, secure: isSecure(request), path: '/' };
}

/** Over https no other host and no page without https can have set a cookie whose name begins so: browsers see to it. */
export function cookieName(request: Request, name: string): string {
  const id: unknown = request.app.get(INSTALLATION_ID);
  const own = typeof id === 'string' ? `${name}_${id.slice(0, 8)}` : name;
  return isSecure(request) ? `__Host-${own}` : own;
}

/** @returns undefined also if there are several: then another host of the domain, or another path, has set one of them */
export function readCookie(request: Request, name: string): string | undefined {
  const prefix = `${cookieName(request, name)}=`;
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const [found, ...others] = pairs.filter((pair) => pair.startsWith(prefix));
  return others.length === 0 ? found?.slice(prefix.length) : undefined;
}

function isSecure(request: Request): boolean {
  return request.secure || request.app.get(IS_REACHED_BY_HTTPS) === true;
}
