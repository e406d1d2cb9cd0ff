/** Which page one wanted when one was asked to sign in. */

const SIGN_IN = '/sign-in';
/** The hive takes no longer ones. */
const MAX_LENGTH = 1000;

export const isSignInPage = (): boolean => location.pathname === SIGN_IN;

/** @returns a path of the console: the present one, or what the address of the sign-in page says */
export function wantedPage(): string {
  const page = isSignInPage() ? namedPage() : location;
  // `/.//host` has become `//host`, which by itself is another site's address
  if (!page || page.pathname.startsWith('//') || page.pathname === SIGN_IN) return '/';
  return page.pathname + page.search + page.hash;
}

/** Anybody can make a link to the sign-in page: it must not lead to another site. @returns undefined if it does */
function namedPage(): URL | undefined {
  const wanted = new URLSearchParams(location.search).get('return_to') ?? '/';
  if (!wanted.startsWith('/') || !URL.canParse(wanted, location.origin)) return undefined;
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin ? url : undefined;
}

/** Where the issuer is asked. It leads back to the wanted page. */
export function oidcAddress(): string {
  const wanted = wantedPage();
  const query = new URLSearchParams({ return_to: wanted.length > MAX_LENGTH ? '/' : wanted });
  return `/v1/session/oidc?${query.toString()}`;
}
