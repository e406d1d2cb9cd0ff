/** What the issuer's side of signing in came back with, as the address says. */
import { Icon } from '../ui/icon.js';

const FAILURES: Readonly<Record<string, string | undefined>> = {
  refused: 'The issuer did not sign you in. Try again; if that does not help, ask who runs it.',
  no_access: 'Your account is known, but has no access to this hive. An admin of the issuer can give it a role.',
  issuer_unavailable: 'The issuer of accounts does not answer. Try again later, or use an API token.',
};

export function WhatFailed() {
  const failure = new URLSearchParams(location.search).get('error');
  if (failure === null) return null;
  return (
    <div class="error-notice" role="alert">
      <Icon name="warning" />
      <p>{FAILURES[failure] ?? 'Signing in did not work. Try again.'}</p>
    </div>
  );
}
