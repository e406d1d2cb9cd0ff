/** An API token, as a password: browsers and their managers may keep it, the console does not. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button } from '../ui/button.js';
import '../ui/field.css';

export interface TokenFormProps {
  isBusy: boolean;
  submit: (token: string) => void;
}

export function TokenForm({ isBusy, submit }: TokenFormProps) {
  const [isShown, setShown] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <form
      class="sign-in-form"
      method="post" // never taken as part of an address, should the script fail
      onSubmit={(event) => {
        event.preventDefault();
        const token = field.current?.value.trim() ?? '';
        if (token !== '') submit(token);
        else field.current?.focus();
      }}
    >
      {/* password managers want a name to keep it under */}
      <input
        class="only-heard"
        type="text"
        name="username"
        autocomplete="username"
        value="API token"
        readOnly
        tabIndex={-1}
        aria-hidden="true"
      />
      <label for="sign-in-token">API token</label>
      <div class="sign-in-line">
        <input
          ref={field}
          id="sign-in-token"
          class="field"
          {...(isShown ? { type: 'text' } : { type: 'password' })}
          name="password"
          autocomplete="current-password"
          autocapitalize="off"
          spellcheck={false}
          required
        />
        <Button onClick={() => setShown(!isShown)} label={isShown ? 'Hide the token' : 'Show the token'}>
          {isShown ? 'Hide' : 'Show'}
        </Button>
      </div>
      <Button tone="primary" type="submit" isBusy={isBusy}>
        Sign in
      </Button>
    </form>
  );
}
