/**
 * Where one says who one is: by an API token, at the organisation's issuer, or by a one-time link. It is shown in the
 * place of whichever page was asked for, and that page follows.
 */
import { useEffect, useState } from 'preact/hooks';
import { useAction } from '../hive/action.js';
import { HiveApiError } from '../../api/client/client.js';
import { hiveInfo, loadSession, session } from '../hive/session.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { usePageTitle } from '../ui/page-title.js';
import { LinkForm } from './link-form.js';
import { cookieLost } from './cookie-lost.js';
import { openSession, type Secret } from './open-session.js';
import { useLink } from './one-time-link.js';
import { isSignInPage, oidcAddress, wantedPage } from './wanted-page.js';
import { TokenForm } from './token-form.js';
import { WhatFailed } from './what-failed.js';
import './sign-in-page.css';

export function SignInPage() {
  const link = useLink();
  const [refusedLink, setRefusedLink] = useState<string>();
  const opening = useAction(async (secret: Secret) => {
    try {
      await openSession(secret);
    } catch (failure) {
      if ('link' in secret && failure instanceof HiveApiError) setRefusedLink(secret.link);
      throw failure;
    }
    if ((await enter()) && session.peek() === null) throw cookieLost();
  });
  const isForAPage = !isSignInPage() && location.pathname !== '/';
  usePageTitle('Sign in');
  useEffect(() => {
    if (link === undefined && session.peek()) void enter(); // somebody is signed in, and came by an old address
  }, []);
  const { isBusy, error } = opening;
  return (
    <main class="sign-in">
      <h1>
        <span class="sign-in-name">Hivesync</span> Sign in
      </h1>
      {error && <ErrorNotice what="Signing in did not work" error={error} />}
      {link !== undefined && link !== refusedLink ? (
        <LinkForm isBusy={isBusy} submit={() => opening.run({ link })} />
      ) : (
        <>
          {isForAPage && !error && <p class="sign-in-soft">After that you see the page you asked for.</p>}
          {!error && <WhatFailed />}
          {link !== undefined && (
            <p class="sign-in-soft">
              A link signs in once, within minutes. On the hive’s machine, <code>hive console</code> prints a new one.
            </p>
          )}
          {session.value && <a href={wantedPage()}>You are still signed in: go on</a>}
          <TokenForm isBusy={isBusy} submit={(token) => opening.run({ token })} />
          {hiveInfo.value?.sign_in.oidc === true && (
            <p class="sign-in-oidc">
              <span class="sign-in-soft">or</span>
              <a class="button button-plain" href={oidcAddress()}>
                Sign in with your organisation’s account
              </a>
            </p>
          )}
          <details class="sign-in-help">
            <summary>How do I get a token?</summary>
            <p>
              An admin makes one on the hive’s machine, and it is shown only then. With the role <code>viewer</code> one
              can read everything of the organisation, with <code>admin</code> change it, too:
            </p>
            <pre tabIndex={0}>
              <code>hive token create NAME --role viewer</code>
            </pre>
            <p>
              The first admin’s token is in the file <code>admin-token</code> of the hive’s data directory. This browser
              keeps no token: it gets a cookie that no script can read, and that ends 12 hours after its last use.
            </p>
          </details>
        </>
      )}
    </main>
  );
}

/** The address changes first: what is shown next is the page that it names. */
async function enter(): Promise<boolean> {
  if (isSignInPage()) history.replaceState(null, '', wantedPage());
  return loadSession();
}
