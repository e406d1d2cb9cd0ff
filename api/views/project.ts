import type { z } from 'zod';
import type {
  LinkedSwarmProjectRow,
  NodeProjectRow,
  ProjectLinkRow,
  SwarmProjectRow,
} from '../../prisma/queries/swarm-projects.js';
import type { nodeProjectList, projectLink, swarmProject, swarmProjectList } from '../schemas/project.js';

export function swarmProjectView(row: SwarmProjectRow): z.input<typeof swarmProject> {
  return {
    id: row.id,
    organization_id: row.organizationId,
    name: row.name,
    description: row.description,
    metadata: row.metadata as Record<string, unknown>,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function linkedSwarmProjectView(
  row: LinkedSwarmProjectRow,
): z.input<typeof swarmProjectList>['projects'][number] {
  return {
    ...swarmProjectView(row),
    linked_nodes_count: row.nodeIds.length,
    linked_node_names: row.nodeNames,
    linked_node_ids: row.nodeIds,
  };
}

export function projectLinkView(row: ProjectLinkRow): z.input<typeof projectLink> {
  return {
    id: row.id,
    swarm_project_id: row.swarmProjectId,
    node_id: row.nodeId,
    node_name: row.nodeName,
    local_project_id: row.localProjectId,
    project_name: row.projectName,
    git_repo_path: row.gitRepoPath,
    os_type: row.osType,
    linked_at: row.linkedAt.toISOString(),
  };
}

export function nodeProjectView(row: NodeProjectRow): z.input<typeof nodeProjectList>[number] {
  return {
    id: row.id,
    node_id: row.nodeId,
    local_project_id: row.localProjectId,
    name: row.name,
    git_repo_path: row.gitRepoPath,
    default_branch: row.defaultBranch,
    swarm_project_id: row.swarmProjectId,
    swarm_project_name: row.swarmProjectName,
    last_seen_at: row.lastSeenAt.toISOString(),
    created_at: row.createdAt.toISOString(),
  };
}
