/** What a version 1 node and the hive tell each other about the node's projects. */
import { Prisma, type Database, type Queryable } from '../../database.js';
import { lockSession, type NodeSession } from '../../session.js';
import { storableText } from '../../text.js';
import { MAX_NODE_PROJECTS, type LinkProjectV1, type LocalProjectV1 } from '../../../protocol/v1/frames.js';

/** Of an organisation. */
export const MAX_SWARM_PROJECTS = 10_000;

/** A link of a node, as its login tells the node. */
export interface LoginLink {
  linkId: string;
  swarmProjectId: string;
  localProjectId: string;
  name: string;
  gitRepoPath: string;
  defaultBranch: string;
  nodeName: string;
}

export interface LoginProjects {
  links: LoginLink[];
  /** Local ids of the projects that an administrator has unlinked. */
  unlinked: string[];
}

export async function projectsForLogin(db: Queryable, nodeId: string): Promise<LoginProjects> {
  const rows = await db.$queryRaw<(LoginLink & { isLinked: boolean })[]>`
    SELECT p.id AS "linkId", p.swarm_project_id AS "swarmProjectId", p.local_project_id AS "localProjectId", p.name,
           p.git_repo_path AS "gitRepoPath", p.default_branch AS "defaultBranch", n.name AS "nodeName",
           p.swarm_project_id IS NOT NULL AS "isLinked"
    FROM node_project p JOIN node n ON n.id = p.node_id
    WHERE p.node_id = ${nodeId}::uuid AND (p.swarm_project_id IS NOT NULL OR p.unlinked_at IS NOT NULL)
    ORDER BY p.linked_at DESC, p.local_project_id`;
  const unlinked = rows.filter(({ isLinked }) => !isLinked).map(({ localProjectId }) => localProjectId);
  return { links: rows.filter(({ isLinked }) => isLinked), unlinked };
}

/**
 * Stores the projects that the node has now. Those that it no longer has go, with their links. Nothing is written if
 * nothing has changed.
 * @throws SupersededError
 */
export function storeReportedProjects(db: Database, session: NodeSession, projects: LocalProjectV1[]): Promise<void> {
  const { nodeId, organizationId } = session;
  const reported = [...new Map(projects.map((project) => [project.local_project_id, project])).values()];
  const ids = reported.map((project) => project.local_project_id);
  return db.$transaction(async (tx) => {
    await lockSession(tx, session);
    await tx.$executeRaw`
      DELETE FROM node_project WHERE node_id = ${nodeId}::uuid AND local_project_id <> ALL (${ids}::uuid[])`;
    await tx.$executeRaw`
      INSERT INTO node_project (node_id, organization_id, local_project_id, name, git_repo_path, default_branch)
      SELECT ${nodeId}::uuid, ${organizationId}::uuid, * FROM unnest(${ids}::uuid[],
        ${reported.map(({ name }) => storableText(name))}::text[],
        ${reported.map((project) => storableText(project.git_repo_path))}::text[],
        ${reported.map((project) => storableText(project.default_branch))}::text[])
      ON CONFLICT (node_id, local_project_id) DO UPDATE
        SET name = excluded.name, git_repo_path = excluded.git_repo_path, default_branch = excluded.default_branch
      WHERE (node_project.name, node_project.git_repo_path, node_project.default_branch)
        IS DISTINCT FROM (excluded.name, excluded.git_repo_path, excluded.default_branch)`;
  });
}

/**
 * Stores a link that the node itself tells of, and its project if the hive does not know it: it was linked at another
 * hive, or by its owner.
 * @returns `refused` if an administrator has unlinked the project, the node has another project linked to the same one,
 * or it has too many projects
 * @throws SupersededError
 */
export function storeToldLink(
  db: Database,
  session: NodeSession,
  link: LinkProjectV1,
): Promise<'linked' | 'unchanged' | 'refused'> {
  const { nodeId, organizationId } = session;
  return db.$transaction(async (tx) => {
    await lockSession(tx, session);
    const projects = await tx.$queryRaw<{ id: string; name: string; projectId: string | null; isUnlinked: boolean }[]>`
      SELECT local_project_id AS id, name, swarm_project_id AS "projectId", unlinked_at IS NOT NULL AS "isUnlinked"
      FROM node_project WHERE node_id = ${nodeId}::uuid`;
    const known = projects.find(({ id }) => id === link.local_project_id);
    if (known?.projectId === link.project_id) return 'unchanged';
    if (known?.isUnlinked === true || (!known && projects.length >= MAX_NODE_PROJECTS)) return 'refused';
    if (projects.some(({ projectId }) => projectId === link.project_id)) return 'refused';
    const name = known?.name ?? nameOfRepository(link.git_repo_path);
    await tx.$executeRaw(insertSwarmProject(organizationId, link.project_id, name));
    if (!(await hasSwarmProject(tx, organizationId, link.project_id))) return 'refused';
    await tx.$executeRaw`
      INSERT INTO node_project (node_id, organization_id, local_project_id, name, git_repo_path, default_branch,
                                swarm_project_id, linked_at)
      VALUES (${nodeId}::uuid, ${organizationId}::uuid, ${link.local_project_id}::uuid, ${name},
              ${storableText(link.git_repo_path)}, ${storableText(link.default_branch)}, ${link.project_id}::uuid, now())
      ON CONFLICT (node_id, local_project_id) DO UPDATE
        SET swarm_project_id = excluded.swarm_project_id, linked_at = excluded.linked_at`;
    return 'linked';
  });
}

/**
 * Removes a link because the node says so. It may link the project again later.
 * @throws SupersededError
 */
export function removeToldLink(db: Database, session: NodeSession, projectId: string): Promise<void> {
  return db.$transaction(async (tx) => {
    await lockSession(tx, session);
    await tx.$executeRaw`
      UPDATE node_project SET swarm_project_id = NULL, linked_at = NULL
      WHERE node_id = ${session.nodeId}::uuid AND swarm_project_id = ${projectId}::uuid`;
  });
}

async function hasSwarmProject(tx: Queryable, organizationId: string, id: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT FROM swarm_project WHERE organization_id = ${organizationId}::uuid AND id = ${id}::uuid`;
  return rows.length > 0;
}

/**
 * A name that is taken is made different by the id. A project that exists stays as it is, and nothing is written if the
 * organisation has too many.
 */
function insertSwarmProject(organizationId: string, id: string, name: string): Prisma.Sql {
  return Prisma.sql`
    INSERT INTO swarm_project (organization_id, id, name)
    SELECT ${organizationId}::uuid, ${id}::uuid,
      CASE WHEN EXISTS (SELECT FROM swarm_project WHERE organization_id = ${organizationId}::uuid AND name = ${name})
           THEN ${`${name} (${id.slice(0, 8)})`} ELSE ${name} END
    WHERE (SELECT count(*) FROM swarm_project WHERE organization_id = ${organizationId}::uuid) < ${MAX_SWARM_PROJECTS}
    ON CONFLICT (organization_id, id) DO NOTHING`;
}

/** The last part of the path, as the original hive names it. */
export function nameOfRepository(path: string): string {
  const parts = path.split(/[/\\]+/).filter((part) => part !== '');
  return storableText(parts.at(-1) ?? path).slice(0, 256);
}
