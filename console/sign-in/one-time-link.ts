/** A link that signs in once: `/sign-in#link=…`. What is after the `#` reaches no server, and no log of one. */
import { useEffect, useState } from 'preact/hooks';

/** Takes the secret out of the address, so that neither the history nor a copied address has it. @returns undefined if there is none */
function takeLink(): string | undefined {
  const link = new URLSearchParams(location.hash.slice(1)).get('link');
  if (link === null || link === '') return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return link;
}

/** @returns the link of the address, also one that is put there while the page is open: nothing loads the page again then */
export function useLink(): string | undefined {
  const [link, setLink] = useState(takeLink);
  useEffect(() => {
    const takeAnother = (): void => setLink((current) => takeLink() ?? current);
    addEventListener('hashchange', takeAnother);
    return () => removeEventListener('hashchange', takeAnother);
  }, []);
  return link;
}
