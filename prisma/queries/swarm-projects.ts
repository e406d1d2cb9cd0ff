/** The organisation's projects, and the links of its version 1 nodes' projects to them. */
import { randomUUID } from 'node:crypto';
import { Prisma } from '../database.js';
import { judgeDatabaseError } from '../errors.js';
import type { OrganizationScope } from '../organization-scope.js';
import { MAX_SWARM_PROJECTS, nameOfRepository } from './v1/node-projects.js';

export interface SwarmProjectRow {
  id: string;
  organizationId: string;
  name: string;
  description: string | null;
  metadata: unknown;
  createdAt: Date;
  updatedAt: Date;
}

export interface LinkedSwarmProjectRow extends SwarmProjectRow {
  nodeIds: string[];
  nodeNames: string[];
}

/** A project that a node has reported. */
export interface NodeProjectRow {
  id: string;
  nodeId: string;
  localProjectId: string;
  name: string;
  gitRepoPath: string;
  defaultBranch: string;
  swarmProjectId: string | null;
  swarmProjectName: string | null;
  /** The node repeats what it has, so this is when the node was last heard of. */
  lastSeenAt: Date;
  createdAt: Date;
}

export interface ProjectLinkRow {
  id: string;
  swarmProjectId: string;
  nodeId: string;
  nodeName: string;
  localProjectId: string;
  projectName: string;
  gitRepoPath: string;
  osType: string | null;
  linkedAt: Date;
}

export interface NewLink {
  nodeId: string;
  localProjectId: string;
  /** Needed if the node has not reported the project. */
  gitRepoPath: string | undefined;
}

export type LinkRefusal =
  'no_project' | 'no_node' | 'needs_no_link' | 'no_local_project' | 'project_is_linked' | 'node_is_linked';

const PROJECT = Prisma.sql`
  s.id, s.organization_id AS "organizationId", s.name, s.description, s.metadata, s.created_at AS "createdAt",
  s.updated_at AS "updatedAt"`;

const LINK = Prisma.sql`
  p.id, p.swarm_project_id AS "swarmProjectId", p.node_id AS "nodeId", n.name AS "nodeName",
  p.local_project_id AS "localProjectId", p.name AS "projectName", p.git_repo_path AS "gitRepoPath",
  NULLIF(n.capabilities->>'os', '') AS "osType", p.linked_at AS "linkedAt"`;

/** Newest first. */
export function listSwarmProjects(scope: OrganizationScope): Promise<LinkedSwarmProjectRow[]> {
  return scope.query(Prisma.sql`
    SELECT ${PROJECT}, COALESCE(links.ids, '{}') AS "nodeIds", COALESCE(links.names, '{}') AS "nodeNames"
    FROM swarm_project s LEFT JOIN LATERAL (
      SELECT array_agg(n.id ORDER BY n.name, n.id) AS ids, array_agg(n.name ORDER BY n.name, n.id) AS names
      FROM node_project p JOIN node n ON n.id = p.node_id
      WHERE p.organization_id = s.organization_id AND p.swarm_project_id = s.id
    ) links ON true
    WHERE s.organization_id = ${scope.organizationId}::uuid ORDER BY s.created_at DESC, s.id`);
}

/** @returns undefined if the organisation has no such project */
export async function findSwarmProject(scope: OrganizationScope, id: string): Promise<SwarmProjectRow | undefined> {
  const [project] = await scope.query<SwarmProjectRow>(Prisma.sql`
    SELECT ${PROJECT} FROM swarm_project s WHERE s.organization_id = ${scope.organizationId}::uuid AND s.id = ${id}::uuid`);
  return project;
}

/** @returns why not, if the name is taken or the organisation has {@link MAX_SWARM_PROJECTS} */
export async function createSwarmProject(
  scope: OrganizationScope,
  { name, description, metadata }: { name: string; description: string | null; metadata: object },
): Promise<SwarmProjectRow | 'name_taken' | 'too_many'> {
  const { organizationId } = scope;
  const [created] = await scope.query<SwarmProjectRow>(Prisma.sql`
    INSERT INTO swarm_project AS s (organization_id, id, name, description, metadata)
    SELECT ${organizationId}::uuid, ${randomUUID()}::uuid, ${name}, ${description}, ${JSON.stringify(metadata)}::json
    WHERE (SELECT count(*) FROM swarm_project WHERE organization_id = ${organizationId}::uuid) < ${MAX_SWARM_PROJECTS}
    ON CONFLICT (organization_id, name) DO NOTHING
    RETURNING ${PROJECT}`);
  if (created) return created;
  const [taken] = await scope.query(Prisma.sql`
    SELECT id FROM swarm_project WHERE organization_id = ${organizationId}::uuid AND name = ${name}`);
  return taken === undefined ? 'too_many' : 'name_taken';
}

/**
 * Unlinks the project from its nodes and removes it.
 * @returns `linked` if a node was linked to it meanwhile
 */
export async function deleteSwarmProject(
  scope: OrganizationScope,
  id: string,
): Promise<'deleted' | 'unknown' | 'linked'> {
  const { organizationId } = scope;
  const unlinked = await scope.query<{ nodeId: string }>(Prisma.sql`
    UPDATE node_project SET swarm_project_id = NULL, linked_at = NULL, unlinked_at = now()
    WHERE organization_id = ${organizationId}::uuid AND swarm_project_id = ${id}::uuid RETURNING node_id AS "nodeId"`);
  await requireLogin(
    scope,
    unlinked.map(({ nodeId }) => nodeId),
  );
  try {
    const deleted = await scope.execute(Prisma.sql`
      DELETE FROM swarm_project WHERE organization_id = ${organizationId}::uuid AND id = ${id}::uuid`);
    return deleted > 0 ? 'deleted' : 'unknown';
  } catch (error) {
    if (isConstraintViolation(error)) return 'linked';
    throw error;
  }
}

/** By name. */
export function listNodeProjects(scope: OrganizationScope, nodeId: string): Promise<NodeProjectRow[]> {
  return scope.query(Prisma.sql`
    SELECT p.id, p.node_id AS "nodeId", p.local_project_id AS "localProjectId", p.name, p.git_repo_path AS "gitRepoPath",
           p.default_branch AS "defaultBranch", p.swarm_project_id AS "swarmProjectId", s.name AS "swarmProjectName",
           COALESCE(n.last_heartbeat_at, p.created_at) AS "lastSeenAt", p.created_at AS "createdAt"
    FROM node_project p JOIN node n ON n.id = p.node_id
    LEFT JOIN swarm_project s ON s.organization_id = p.organization_id AND s.id = p.swarm_project_id
    WHERE p.organization_id = ${scope.organizationId}::uuid AND p.node_id = ${nodeId}::uuid
    ORDER BY p.name, p.local_project_id`);
}

/** The links of one project, oldest first. */
export function listProjectLinks(scope: OrganizationScope, projectId: string): Promise<ProjectLinkRow[]> {
  return scope.query(Prisma.sql`
    SELECT ${LINK} FROM node_project p JOIN node n ON n.id = p.node_id
    WHERE p.organization_id = ${scope.organizationId}::uuid AND p.swarm_project_id = ${projectId}::uuid
    ORDER BY p.linked_at, p.id`);
}

/**
 * Links a node's project, also one that was unlinked before. The node learns it from the login that follows at once,
 * whichever hive has its socket. A link that exists is only told again.
 */
export async function linkNodeProject(
  scope: OrganizationScope,
  projectId: string,
  link: NewLink,
): Promise<ProjectLinkRow | LinkRefusal> {
  const refusal = await refuseLink(scope, projectId, link);
  if (refusal) return refusal;
  try {
    await scope.execute(upsertLink(scope, projectId, link));
  } catch (error) {
    if (isConstraintViolation(error)) return (await refuseLink(scope, projectId, link)) ?? 'no_project';
    throw error;
  }
  await requireLogin(scope, [link.nodeId]);
  const links = await listProjectLinks(scope, projectId);
  return links.find(({ nodeId }) => nodeId === link.nodeId) ?? 'project_is_linked';
}

async function refuseLink(
  scope: OrganizationScope,
  projectId: string,
  { nodeId, localProjectId, gitRepoPath }: NewLink,
): Promise<LinkRefusal | undefined> {
  if (!(await findSwarmProject(scope, projectId))) return 'no_project';
  const [node] = await scope.query<{ version: number }>(Prisma.sql`
    SELECT protocol_version AS version FROM node
    WHERE organization_id = ${scope.organizationId}::uuid AND id = ${nodeId}::uuid`);
  if (!node) return 'no_node';
  if (node.version !== 1) return 'needs_no_link';
  const projects = await listNodeProjects(scope, nodeId);
  const known = projects.find((project) => project.localProjectId === localProjectId);
  if (!known && gitRepoPath === undefined) return 'no_local_project';
  if (known?.swarmProjectId === projectId) return undefined;
  if (known && known.swarmProjectId !== null) return 'project_is_linked';
  return projects.some(({ swarmProjectId }) => swarmProjectId === projectId) ? 'node_is_linked' : undefined;
}

function upsertLink(scope: OrganizationScope, projectId: string, link: NewLink): Prisma.Sql {
  const { nodeId, localProjectId, gitRepoPath } = link;
  const { organizationId } = scope;
  if (gitRepoPath === undefined) {
    return Prisma.sql`
      UPDATE node_project SET swarm_project_id = ${projectId}::uuid, linked_at = now(), unlinked_at = NULL
      WHERE organization_id = ${organizationId}::uuid AND node_id = ${nodeId}::uuid
        AND local_project_id = ${localProjectId}::uuid AND swarm_project_id IS NULL`;
  }
  return Prisma.sql`
    INSERT INTO node_project AS p (node_id, organization_id, local_project_id, name, git_repo_path, default_branch,
                                   swarm_project_id, linked_at)
    VALUES (${nodeId}::uuid, ${organizationId}::uuid, ${localProjectId}::uuid, ${nameOfRepository(gitRepoPath)},
            ${gitRepoPath}, 'main', ${projectId}::uuid, now())
    ON CONFLICT (node_id, local_project_id) DO UPDATE
      SET swarm_project_id = excluded.swarm_project_id, linked_at = excluded.linked_at, unlinked_at = NULL
    WHERE p.swarm_project_id IS NULL`;
}

/**
 * Unlinks a node's project for good: the node's own link_project does not link it again.
 * @returns false if the node is not linked to the project
 */
export async function unlinkNodeProject(
  scope: OrganizationScope,
  { projectId, nodeId }: { projectId: string; nodeId: string },
): Promise<boolean> {
  const unlinked = await scope.execute(Prisma.sql`
    UPDATE node_project SET swarm_project_id = NULL, linked_at = NULL, unlinked_at = now()
    WHERE organization_id = ${scope.organizationId}::uuid AND node_id = ${nodeId}::uuid
      AND swarm_project_id = ${projectId}::uuid`);
  if (unlinked > 0) await requireLogin(scope, [nodeId]);
  return unlinked > 0;
}

/**
 * The sessions that these nodes have now must log in again. Comes after the change that they have to learn: a login that
 * this statement does not see reads the change.
 */
async function requireLogin(scope: OrganizationScope, nodeIds: string[]): Promise<void> {
  if (nodeIds.length === 0) return;
  await scope.execute(Prisma.sql`
    UPDATE node_lease l SET stale_fence = l.fence FROM node n
    WHERE n.id = l.node_id AND n.organization_id = ${scope.organizationId}::uuid AND n.id = ANY (${nodeIds}::uuid[])`);
}

/** Another request has changed what this one had looked at. */
function isConstraintViolation(error: unknown): boolean {
  return judgeDatabaseError(error)?.code.startsWith('23') ?? false;
}
