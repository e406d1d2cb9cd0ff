/** What is around every page: where one is, in which organisation, whether the hive is heard from, and the keys. */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { connection, followFeed } from '../hive/feed.js';
import { useAction } from '../hive/action.js';
import { ask, hive } from '../hive/client.js';
import { session, signedOut } from '../hive/session.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { listenForKeys, useKeys } from './keys.js';
import { KeySheet } from './key-sheet.js';
import { focusPage } from './page-top.js';
import { nextTheme, theme } from './theme.js';
import './frame.css';

const PAGES = [
  { path: '/attempts', name: 'Attempts' },
  { path: '/nodes', name: 'Nodes' },
  { path: '/backfills', name: 'Backfills' },
  { path: '/search', name: 'Search' },
] as const;

export function Frame({ children }: { children: ComponentChildren }) {
  const { path, route } = useLocation();
  const [isSheetOpen, setSheetOpen] = useState(false);
  useLayoutEffect(() => listenForKeys(), []);
  useEffect(() => followFeed(), []);
  const signingOut = useAction(signOut);
  useKeys('Everywhere', [
    { keys: '?', does: 'show these keys', run: () => setSheetOpen(true) },
    ...PAGES.map((page, index) => ({
      keys: String(index + 1),
      does: `go to ${page.name.toLowerCase()}`,
      run: () => route(page.path),
    })),
  ]);
  return (
    <div class="frame">
      <a
        class="frame-skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault(); // the address names what is shown: the lines of a log, for example
          focusPage();
        }}
      >
        Skip to the content
      </a>
      <header class="frame-bar">
        <a class="frame-name" href="/attempts">
          Hivesync
        </a>
        <nav class="frame-pages" aria-label="Pages">
          {PAGES.map((page) => (
            <a key={page.path} href={page.path} aria-current={isAt(path, page.path) ? 'page' : undefined}>
              {page.name}
            </a>
          ))}
        </nav>
        <span class="frame-organization" title="Organisation">
          <span class="only-heard">Organisation </span>
          {session.value?.organization.name}
        </span>
        <button type="button" class="frame-button" onClick={() => setSheetOpen(true)} title="Keys (?)">
          <span aria-hidden="true">?</span>
          <span class="only-heard">Keyboard</span>
        </button>
        <button type="button" class="frame-button" onClick={nextTheme} title={`Theme: ${theme.value}`}>
          <span aria-hidden="true">◐</span>
          <span class="only-heard">Theme: {theme.value}</span>
        </button>
        <button type="button" class="frame-button frame-sign-out" onClick={() => signingOut.run()}>
          Sign out
        </button>
      </header>
      <div class="frame-notice" role="status">
        {connection.value === 'away' && 'No hive answers. What you see may be old; the console connects by itself.'}
        {connection.value === 'silent' &&
          'Live updates are off: the hive gives no stream now. What you see is read again every few seconds.'}
      </div>
      {signingOut.error && <ErrorNotice what="You are still signed in" error={signingOut.error} />}
      <main id="main" class="frame-page" tabIndex={-1}>
        {children}
      </main>
      {isSheetOpen && <KeySheet close={() => setSheetOpen(false)} />}
    </div>
  );
}

const isAt = (path: string, page: string) => path.startsWith(page) || (path === '/' && page === '/attempts');

async function signOut(): Promise<void> {
  await ask(hive.DELETE('/v1/session'));
  signedOut();
}
