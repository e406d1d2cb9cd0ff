/** The projects of a version 1 node: what its login tells it, and what it tells the hive. */
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import {
  projectsForLogin,
  removeToldLink,
  storeReportedProjects,
  storeToldLink,
} from '../../prisma/queries/v1/node-projects.js';
import type { NodeSession } from '../../prisma/session.js';
import {
  taskRefusalV1,
  type HiveAnswerV1,
  type LinkedProjectV1,
  type NodeFrameV1,
  type TaskSyncV1,
} from '../../protocol/v1/frames.js';

export type ProjectFrame = Extract<NodeFrameV1, { type: 'projects_sync' | 'link_project' | 'unlink_project' }>;

export interface ProjectsDeps {
  database: Database;
  session: NodeSession;
  logger: Logger;
}

export class ProjectsV1 {
  readonly #deps: ProjectsDeps;
  #unlinked = new Set<string>();
  /** What the node has reported on this connection: it repeats it every 30 s. */
  #reported: string | undefined;

  constructor(deps: ProjectsDeps) {
    this.#deps = deps;
  }

  /** @returns the node's links, for the answer to its login */
  async load(): Promise<LinkedProjectV1[]> {
    const { database, session } = this.#deps;
    const { links, unlinked } = await projectsForLogin(database, session.nodeId);
    this.#unlinked = new Set(unlinked);
    return links.map((link) => ({
      link_id: link.linkId,
      project_id: link.swarmProjectId,
      local_project_id: link.localProjectId,
      git_repo_path: link.gitRepoPath,
      default_branch: link.defaultBranch,
      project_name: link.name,
      source_node_id: session.nodeId,
      source_node_name: link.nodeName,
      is_owned: true,
    }));
  }

  /** @returns the answer to a task of a project that an administrator has unlinked; undefined if it is to be stored */
  refuse(task: TaskSyncV1): HiveAnswerV1 | undefined {
    if (!this.#unlinked.has(task.local_project_id)) return undefined;
    return taskRefusalV1(task, 'Project not linked to swarm: an administrator of the hive has unlinked it');
  }

  /** Stores what the node says. @throws SupersededError */
  async take(frame: ProjectFrame): Promise<void> {
    const { database, session, logger } = this.#deps;
    if (frame.type === 'unlink_project') {
      await removeToldLink(database, session, frame.data.project_id);
    } else if (frame.type === 'link_project') {
      const outcome = await storeToldLink(database, session, frame.data);
      if (outcome === 'unchanged') return;
      const { project_id: projectId, local_project_id: localProjectId } = frame.data;
      logger.info({ projectId, localProjectId }, outcome === 'linked' ? 'project linked by its node' : 'link refused');
    } else {
      const reported = JSON.stringify(frame.data.projects);
      if (reported === this.#reported) return;
      await storeReportedProjects(database, session, frame.data.projects);
      this.#reported = reported;
    }
  }
}
