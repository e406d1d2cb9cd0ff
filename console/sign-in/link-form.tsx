/**
 * Following a one-time link takes a button: whoever can make a browser open an address could otherwise sign somebody in
 * as another, and a program that looks at links would use them up.
 */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { session } from '../hive/session.js';
import { Button } from '../ui/button.js';
import { visible } from '../ui/visible.js';
import { wantedPage } from './wanted-page.js';

export interface LinkFormProps {
  isBusy: boolean;
  submit: () => void;
}

export function LinkForm({ isBusy, submit }: LinkFormProps) {
  const form = useRef<HTMLFormElement>(null);
  // before it is painted: whoever sees it may press Enter
  useLayoutEffect(() => form.current?.querySelector('button')?.focus(), []);
  const current = session.value;
  return (
    <form
      ref={form}
      class="sign-in-form"
      method="post"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {current ? (
        <p>
          This browser is signed in to <strong>{visible(current.organization.name)}</strong> as {current.role}. The link
          ends that, and may lead to another organisation.
        </p>
      ) : (
        <p class="sign-in-soft">The link signs this browser in, once. Go on only if you asked for it.</p>
      )}
      <Button tone="primary" type="submit" isBusy={isBusy}>
        {current ? 'Sign in by this link instead' : 'Sign in by this link'}
      </Button>
      {current && <a href={wantedPage()}>Stay signed in as now</a>}
    </form>
  );
}
