/** Projects of version 1 nodes, under the original hive's paths: such a node sends nothing of a project that is not linked. */
import { z } from 'zod';
import { findNode } from '../../prisma/queries/list-nodes.js';
import {
  createSwarmProject,
  deleteSwarmProject,
  findSwarmProject,
  linkNodeProject,
  listNodeProjects,
  listProjectLinks,
  listSwarmProjects,
  unlinkNodeProject,
  type LinkRefusal,
} from '../../prisma/queries/swarm-projects.js';
import { MAX_SWARM_PROJECTS } from '../../prisma/queries/v1/node-projects.js';
import { uuid } from '../../protocol/uuid.js';
import { ApiError, notFound } from '../problem.js';
import { answer, route, type Route } from '../route.js';
import { organizationQuery } from '../schemas/common.js';
import {
  newProjectLink,
  newSwarmProject,
  nodeProjectList,
  projectLinkAnswer,
  projectLinkList,
  swarmProjectAnswer,
  swarmProjectList,
} from '../schemas/project.js';
import { linkedSwarmProjectView, nodeProjectView, projectLinkView, swarmProjectView } from '../views/project.js';

const tag = 'projects';
const params = z.strictObject({ id: uuid });
const linkParams = z.strictObject({ id: uuid, node_id: uuid });

export function projectRoutes(): Route[] {
  return [...swarmProjectRoutes(), ...linkRoutes()];
}

function swarmProjectRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/swarm/projects',
      operationId: 'listSwarmProjects',
      tag,
      summary: 'The organisation’s projects, newest first, and the nodes that are linked to each',
      access: 'viewer',
      query: organizationQuery,
      responses: { 200: swarmProjectList },
      errors: ['forbidden'],
      handle: async ({ scope }) =>
        answer(200, { projects: (await listSwarmProjects(scope)).map(linkedSwarmProjectView) }),
    }),
    route({
      method: 'post',
      path: '/v1/swarm/projects',
      operationId: 'createSwarmProject',
      tag,
      summary: 'Create a project',
      access: 'admin',
      body: newSwarmProject,
      responses: { 200: swarmProjectAnswer },
      errors: ['conflict'],
      handle: async ({ scope, body }) => {
        const { name, description = null, metadata } = body;
        const created = await createSwarmProject(scope, { name, description, metadata: metadata ?? {} });
        if (created === 'name_taken') throw new ApiError('conflict', 'swarm project name already exists');
        if (created === 'too_many')
          throw new ApiError('conflict', `an organisation has at most ${MAX_SWARM_PROJECTS} projects`);
        return answer(200, { project: swarmProjectView(created) });
      },
    }),
    route({
      method: 'get',
      path: '/v1/swarm/projects/{id}',
      operationId: 'getSwarmProject',
      tag,
      summary: 'One project',
      access: 'viewer',
      params,
      responses: { 200: swarmProjectAnswer },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        const project = await findSwarmProject(scope, id);
        if (!project) throw notFound('swarm project');
        return answer(200, { project: swarmProjectView(project) });
      },
    }),
    route({
      method: 'delete',
      path: '/v1/swarm/projects/{id}',
      operationId: 'deleteSwarmProject',
      tag,
      summary: 'Unlink a project from all its nodes, and delete it',
      description: 'What was mirrored of it stays.',
      access: 'admin',
      params,
      responses: { 204: { description: 'Deleted.' } },
      errors: ['not_found', 'conflict'],
      handle: async ({ scope, params: { id } }) => {
        const outcome = await deleteSwarmProject(scope, id);
        if (outcome === 'unknown') throw notFound('swarm project');
        if (outcome === 'linked') throw new ApiError('conflict', 'a node was linked to it meanwhile; try again');
        return answer(204);
      },
    }),
  ];
}

function linkRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/nodes/{id}/projects',
      operationId: 'listNodeProjects',
      tag,
      summary: 'The projects that a version 1 node has reported, by name, and whether each is linked',
      access: 'viewer',
      params,
      responses: { 200: nodeProjectList },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        if (!(await findNode(scope, id))) throw notFound('node');
        return answer(200, (await listNodeProjects(scope, id)).map(nodeProjectView));
      },
    }),
    route({
      method: 'get',
      path: '/v1/swarm/projects/{id}/nodes',
      operationId: 'listProjectLinks',
      tag,
      summary: 'The nodes that are linked to a project, in the order in which they were linked',
      access: 'viewer',
      params,
      responses: { 200: projectLinkList },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        if (!(await findSwarmProject(scope, id))) throw notFound('swarm project');
        return answer(200, { nodes: (await listProjectLinks(scope, id)).map(projectLinkView) });
      },
    }),
    route({
      method: 'post',
      path: '/v1/swarm/projects/{id}/nodes',
      operationId: 'linkNodeProject',
      tag,
      summary: 'Link a version 1 node’s project, so that the node begins to send its tasks and attempts',
      description:
        'If the node is connected, whichever hive has its socket, it is made to log in again, because only a login tells ' +
        'it about links. It is back after 5 s, and the first attempts come within a minute.',
      access: 'admin',
      params,
      body: newProjectLink,
      responses: { 200: projectLinkAnswer },
      errors: ['not_found', 'conflict'],
      handle: async ({ scope, params: { id }, body }) => {
        const link = await linkNodeProject(scope, id, {
          nodeId: body.node_id,
          localProjectId: body.local_project_id,
          gitRepoPath: body.git_repo_path,
        });
        if (typeof link === 'string') throw REFUSALS[link]();
        return answer(200, { link: projectLinkView(link) });
      },
    }),
    route({
      method: 'delete',
      path: '/v1/swarm/projects/{id}/nodes/{node_id}',
      operationId: 'unlinkNodeProject',
      tag,
      summary: 'Unlink a node’s project',
      description:
        'The hive takes no new task of it. The node itself goes on to send attempts of tasks that it has shared already, ' +
        'until its owner unlinks the project there. What was mirrored stays.',
      access: 'admin',
      params: linkParams,
      responses: { 204: { description: 'Unlinked.' } },
      errors: ['not_found'],
      handle: async ({ scope, params: { id, node_id: nodeId } }) => {
        if (!(await unlinkNodeProject(scope, { projectId: id, nodeId }))) throw notFound('node link');
        return answer(204);
      },
    }),
  ];
}

const REFUSALS: Record<LinkRefusal, () => ApiError> = {
  no_project: () => notFound('swarm project'),
  no_node: () => notFound('node'),
  no_local_project: () => notFound('project of the node that it has reported'),
  needs_no_link: () => new ApiError('conflict', 'the node speaks protocol version 2, which mirrors without links'),
  project_is_linked: () => new ApiError('conflict', "the node's project is linked to another swarm project; unlink it"),
  node_is_linked: () => new ApiError('conflict', 'node already linked to this swarm project'),
};
