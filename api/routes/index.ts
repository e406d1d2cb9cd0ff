import { CatchUp } from '../feed/catch-up.js';
import { OpenStreams } from '../open-streams.js';
import { AttemptReader } from '../attempts/attempt-reader.js';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import { openApiDocument, type OpenApiDocument } from '../openapi.js';
import type { Route } from '../route.js';
import { SearchSlots } from '../search/search-slots.js';
import { apiKeyRoutes } from './api-keys.js';
import { administrationRoutes } from './administration.js';
import { attemptRoutes } from './attempts.js';
import { backfillRoutes } from './backfills.js';
import { changeRoutes } from './changes.js';
import { deleteAttemptRoutes } from './delete-attempt.js';
import { logRoutes } from './logs.js';
import { nodeInviteRoutes } from './node-invites.js';
import { nodeRoutes } from './nodes.js';
import { originalNameRoutes } from './original-names.js';
import { projectRoutes } from './projects.js';
import { searchAllRoute } from './search.js';
import { searchInAttemptRoute } from './search-in-attempt.js';
import { sessionRoutes } from './session.js';
import { oidcSessionRoutes } from './session-oidc.js';
import { serviceRoutes } from './service.js';
import { webhookRoutes } from './webhooks.js';

/** Every route of the API. */
export function allRoutes(deps: AppDependencies): Route[] {
  const attempts = new AttemptReader(deps);
  const streams = new OpenStreams(deps);
  const limits = limitsOf(deps);
  const catchUp = new CatchUp(deps.database, limits.catchUpMs);
  const searches = new SearchSlots(limits);
  const routes: Route[] = [
    ...nodeRoutes(),
    ...apiKeyRoutes(),
    ...nodeInviteRoutes(deps),
    ...administrationRoutes(deps),
    ...projectRoutes(),
    ...attemptRoutes(attempts, catchUp),
    ...deleteAttemptRoutes(deps),
    ...changeRoutes(deps, streams, catchUp),
    ...logRoutes(deps, streams),
    searchInAttemptRoute(deps, searches),
    searchAllRoute(deps, searches),
    ...originalNameRoutes(attempts),
    ...backfillRoutes(deps),
    ...webhookRoutes(deps),
    ...sessionRoutes(deps),
    ...oidcSessionRoutes(deps),
  ];
  let document: OpenApiDocument | undefined;
  const service = serviceRoutes(deps, () => (document ??= openApiDocument([...routes, ...service], deps.publicUrl)));
  return [...routes, ...service];
}
