import { AttemptReader } from '../attempts/attempt-reader.js';
import type { AppDependencies } from '../dependencies.js';
import { openApiDocument, type OpenApiDocument } from '../openapi.js';
import type { Route } from '../route.js';
import { apiKeyRoutes } from './api-keys.js';
import { attemptRoutes } from './attempts.js';
import { backfillRoutes } from './backfills.js';
import { logRoutes } from './logs.js';
import { nodeInviteRoutes } from './node-invites.js';
import { nodeRoutes } from './nodes.js';
import { originalNameRoutes } from './original-names.js';
import { projectRoutes } from './projects.js';
import { serviceRoutes } from './service.js';

/** Every route of the API. */
export function allRoutes(deps: AppDependencies): Route[] {
  const attempts = new AttemptReader(deps);
  const routes: Route[] = [
    ...nodeRoutes(),
    ...apiKeyRoutes(),
    ...nodeInviteRoutes(deps),
    ...projectRoutes(),
    ...attemptRoutes(attempts),
    ...logRoutes(deps),
    ...originalNameRoutes(attempts),
    ...backfillRoutes(deps),
  ];
  let document: OpenApiDocument | undefined;
  const service = serviceRoutes(deps, () => (document ??= openApiDocument([...routes, ...service], deps.publicUrl)));
  return [...routes, ...service];
}
