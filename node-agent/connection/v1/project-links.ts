/**
 * Links the projects of shared tasks to this node. An original hive drops every line of an attempt whose task belongs to
 * a project that its node is not linked to.
 */
import type { LinkProjectV1, LocalProjectV1 } from '../../../protocol/v1/frames.js';
import type { SharedAttempt } from './metadata.js';
import type { TaskProjects } from './task-projects.js';

export interface ProjectLinksOptions {
  tasks: TaskProjects;
  /** The projects that the login said are linked. */
  linked: readonly string[];
  send(type: string, data: unknown): Promise<void>;
}

export class ProjectLinks {
  readonly #options: ProjectLinksOptions;
  readonly #linked: Set<string>;
  readonly #projects: LocalProjectV1[] = [];

  constructor(options: ProjectLinksOptions) {
    this.#options = options;
    this.#linked = new Set(options.linked);
  }

  /**
   * Links the project of the attempt's task if it has to be. To be awaited before anything of the attempt is sent.
   * @returns whether the task's project is linked: an original hive keeps what follows, as often as it is sent
   * @throws SocketClosedError
   */
  async ensure(attempt: SharedAttempt): Promise<boolean> {
    const project = await this.#options.tasks.find(attempt.shared_task_id);
    if (project.kind !== 'project') return false;
    if (this.#linked.has(project.id)) return true;
    this.#linked.add(project.id);
    const link = linkOf(project.id, attempt);
    const { local_project_id, git_repo_path, default_branch } = link;
    const name = git_repo_path.split(/[/\\]/).findLast((part) => part !== '') ?? git_repo_path;
    this.#projects.push({ local_project_id, name, git_repo_path, default_branch });
    await this.#options.send('projects_sync', { projects: this.#projects });
    await this.#options.send('link_project', link);
    return true;
  }
}

/**
 * The node has no projects of its own, so it calls each by the hive's id. A node may have only one link to a project, and
 * one project for each id of its own.
 */
function linkOf(projectId: string, attempt: SharedAttempt): LinkProjectV1 {
  return {
    project_id: projectId,
    local_project_id: projectId,
    git_repo_path: attempt.container_ref ?? '/',
    default_branch: attempt.target_branch || 'main',
  };
}
