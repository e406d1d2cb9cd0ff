import { z } from 'zod';
import { uuid } from '../../protocol/uuid.js';
import { count, organizationId, storedText, time } from './common.js';

const MAX_METADATA_BYTES = 16 * 1024;

export const swarmProject = z
  .strictObject({
    id: uuid,
    organization_id: uuid,
    name: z.string(),
    description: z.string().nullable(),
    metadata: z.looseObject({}),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'SwarmProject', description: 'A project to which projects of version 1 nodes are linked.' });

export const swarmProjectAnswer = z.strictObject({ project: swarmProject });

export const swarmProjectList = z.strictObject({
  projects: z.array(
    swarmProject
      .extend({ linked_nodes_count: count, linked_node_names: z.array(z.string()), linked_node_ids: z.array(uuid) })
      .meta({ id: 'LinkedSwarmProject' }),
  ),
});

export const newSwarmProject = z
  .strictObject({
    organization_id: organizationId,
    name: storedText(256).trim().min(1),
    description: storedText(4096).nullish(),
    metadata: z
      .looseObject({})
      .nullish()
      .refine((value) => JSON.stringify(value ?? {}).length <= MAX_METADATA_BYTES, {
        error: `must be at most ${MAX_METADATA_BYTES} characters of JSON`,
      }),
  })
  .meta({ id: 'NewSwarmProject' });

export const projectLink = z
  .strictObject({
    id: uuid,
    swarm_project_id: uuid,
    node_id: uuid,
    node_name: z.string(),
    local_project_id: uuid,
    project_name: z.string(),
    git_repo_path: z.string(),
    os_type: z.string().nullable(),
    linked_at: time,
  })
  .meta({ id: 'ProjectLink' });

export const projectLinkAnswer = z.strictObject({ link: projectLink });
export const projectLinkList = z.strictObject({ nodes: z.array(projectLink) });

export const newProjectLink = z
  .strictObject({
    node_id: uuid,
    local_project_id: uuid.meta({ description: 'The id that the node has given the project.' }),
    git_repo_path: storedText(4096)
      .min(1)
      .optional()
      .meta({ description: 'Needed only if the node has not reported the project.' }),
    os_type: storedText(256).nullish().meta({ description: 'Not used: the hive knows it from the node.' }),
  })
  .meta({ id: 'NewProjectLink' });

export const nodeProjectList = z.array(
  z
    .strictObject({
      id: uuid,
      node_id: uuid,
      local_project_id: uuid,
      name: z.string(),
      git_repo_path: z.string(),
      default_branch: z.string(),
      swarm_project_id: uuid.nullable().meta({ description: 'What it is linked to.' }),
      swarm_project_name: z.string().nullable(),
      last_seen_at: time,
      created_at: time,
    })
    .meta({ id: 'NodeProject', description: 'A project that a version 1 node has reported.' }),
);
