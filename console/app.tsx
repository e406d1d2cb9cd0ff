/** The routes. Every page but the first is loaded when it is opened. */
import { ErrorBoundary, lazy, LocationProvider, Route, Router } from 'preact-iso';
import { AttemptsPage } from './attempts/attempts-page.js';
import { session, useSession } from './hive/session.js';
import { Frame } from './shell/frame.js';
import { loadPage } from './shell/load-page.js';
import { NotFound } from './shell/not-found.js';
import { beginPage } from './shell/page-top.js';
import { PageLoading } from './ui/page-loading.js';

const AttemptPage = lazy(() =>
  loadPage(() => import('./attempt/attempt-page.js')).then((module) => module.AttemptPage),
);
const NodesPage = lazy(() => loadPage(() => import('./nodes/nodes-page.js')).then((module) => module.NodesPage));
const BackfillsPage = lazy(() =>
  loadPage(() => import('./backfills/backfills-page.js')).then((module) => module.BackfillsPage),
);
const SearchPage = lazy(() => loadPage(() => import('./search/search-page.js')).then((module) => module.SearchPage));
const SignInPage = lazy(() => loadPage(() => import('./sign-in/sign-in-page.js')).then((module) => module.SignInPage));

export function App() {
  useSession();
  if (session.value === undefined) return <PageLoading />;
  // a one-time link is taken also where somebody is signed in
  if (session.value === null || location.pathname === '/sign-in') {
    // outside of the router, nothing else waits for a page that is being loaded
    return (
      <ErrorBoundary>
        <SignInPage />
      </ErrorBoundary>
    );
  }
  return (
    <LocationProvider>
      <Frame>
        <Router onRouteChange={beginPage}>
          <Route path="/" component={AttemptsPage} />
          <Route path="/attempts" component={AttemptsPage} />
          <Route path="/attempts/:id" component={AttemptPage} />
          <Route path="/nodes" component={NodesPage} />
          <Route path="/backfills" component={BackfillsPage} />
          <Route path="/search" component={SearchPage} />
          <Route default component={NotFound} />
        </Router>
      </Frame>
    </LocationProvider>
  );
}
