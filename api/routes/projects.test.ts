import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { startTestHive, type TestHive, type TestOrganization } from '../../tests/harness/http-api.js';
import { seedNode } from '../../tests/harness/seed.js';
import {
  nodeProjectList,
  projectLinkAnswer,
  projectLinkList,
  swarmProjectAnswer,
  swarmProjectList,
} from '../schemas/project.js';

let hive: TestHive;

beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());

const post = (path: string, body: object) =>
  request(hive.app).post(path).set('authorization', `Bearer ${hive.own.admin}`).send(body);
const remove = (path: string) => request(hive.app).delete(path).set('authorization', `Bearer ${hive.own.admin}`);

async function seedV1Node(name: string, { id: organizationId }: TestOrganization = hive.own) {
  const nodeId = await seedNode(hive.database, organizationId, { name });
  await hive.database.node.update({
    where: { id: nodeId },
    data: { protocolVersion: 1, capabilities: { os: 'linux' }, lastHeartbeatAt: new Date() },
  });
  const localProjectId = randomUUID();
  await hive.database.nodeProject.create({
    data: { nodeId, organizationId, localProjectId, name: 'repo', gitRepoPath: '/srv/repo', defaultBranch: 'main' },
  });
  return { nodeId, localProjectId };
}

async function newProject(name: string): Promise<string> {
  return swarmProjectAnswer.parse((await post('/v1/swarm/projects', { name })).body).project.id;
}

test('a project is created and linked by the requests that the original’s clients make', async () => {
  const { nodeId, localProjectId } = await seedV1Node('by the original');
  const created = await post('/v1/swarm/projects', { organization_id: hive.own.id, name: 'work', metadata: { a: 1 } });
  expect(created.status).toBe(200);
  const { project } = swarmProjectAnswer.parse(created.body);
  expect(project).toMatchObject({ organization_id: hive.own.id, name: 'work', description: null, metadata: { a: 1 } });

  const [before] = nodeProjectList.parse((await hive.get(`/v1/nodes/${nodeId}/projects`)).body);
  expect(before).toMatchObject({ name: 'repo', git_repo_path: '/srv/repo', swarm_project_id: null });
  const body = { node_id: nodeId, local_project_id: localProjectId, git_repo_path: '/srv/repo', os_type: null };
  const linked = await post(`/v1/swarm/projects/${project.id}/nodes`, body);
  expect(linked.status).toBe(200);
  const { link } = projectLinkAnswer.parse(linked.body);
  expect(link).toMatchObject({ swarm_project_id: project.id, node_id: nodeId, project_name: 'repo', os_type: 'linux' });
  expect((await post(`/v1/swarm/projects/${project.id}/nodes`, body)).body).toEqual({ link }); // a repetition
  expect(await hive.database.nodeLease.findUnique({ where: { nodeId } })).toMatchObject({ fence: 1n, staleFence: 1n });

  const [listed] = nodeProjectList.parse((await hive.get(`/v1/nodes/${nodeId}/projects`)).body);
  expect(listed).toMatchObject({ id: link.id, swarm_project_id: project.id, swarm_project_name: 'work' });
  const path = `/v1/swarm/projects/${project.id}`;
  expect(projectLinkList.parse((await hive.get(`${path}/nodes`)).body)).toEqual({ nodes: [link] });
  const { projects } = swarmProjectList.parse(
    (await hive.get(`/v1/swarm/projects?organization_id=${hive.own.id}`)).body,
  );
  expect(projects[0]).toEqual({
    ...project,
    linked_nodes_count: 1,
    linked_node_names: ['by the original'],
    linked_node_ids: [nodeId],
  });
  expect((await remove(`${path}/nodes/${nodeId}`)).status).toBe(204);
  expect((await remove(`${path}/nodes/${nodeId}`)).body).toMatchObject({ status: 404, error: 'node link not found' });
  expect((await remove(path)).status).toBe(204);
  expect((await hive.get(path)).status).toBe(404);
});

test('what can’t be linked is refused, and the reason is said', async () => {
  const { nodeId, localProjectId } = await seedV1Node('refused');
  const [first, second] = [await newProject('first'), await newProject('second')];
  const link = (project: string, body: object) => post(`/v1/swarm/projects/${project}/nodes`, body);
  expect((await post('/v1/swarm/projects', { name: ' first ' })).body).toMatchObject({
    status: 409,
    error: 'swarm project name already exists',
  });
  const unknown = { node_id: nodeId, local_project_id: randomUUID() };
  expect((await link(first, unknown)).body).toMatchObject({ status: 404 });
  expect((await link(first, { ...unknown, git_repo_path: '/srv/later' })).status).toBe(200);
  expect((await link(first, { node_id: nodeId, local_project_id: localProjectId })).body).toMatchObject({
    status: 409,
    error: 'node already linked to this swarm project',
  });
  expect((await link(second, unknown)).body).toMatchObject({ status: 409 });
  const version2 = await seedNode(hive.database, hive.own.id, { name: 'version 2' });
  const needless = await link(second, { node_id: version2, local_project_id: randomUUID(), git_repo_path: '/x' });
  expect(needless.body).toMatchObject({ status: 409, error: expect.stringContaining('without links') });
});

test('another organisation’s node and project can’t be linked', async () => {
  const foreign = await seedV1Node('foreign', hive.foreign);
  const body = { node_id: foreign.nodeId, local_project_id: foreign.localProjectId };
  const own = await newProject('own');
  expect((await post(`/v1/swarm/projects/${own}/nodes`, body)).body).toMatchObject({ error: 'node not found' });
  const elsewhere = { organization_id: hive.foreign.id, name: 'elsewhere' };
  expect((await post('/v1/swarm/projects', elsewhere)).status).toBe(403);
  expect((await hive.get(`/v1/swarm/projects?organization_id=${hive.foreign.id}`)).status).toBe(403);
  const project = { organizationId: hive.foreign.id, id: own, name: 'same id' };
  await hive.database.swarmProject.create({ data: project }); // both came from the same original hive
  expect((await hive.get(`/v1/swarm/projects/${own}`)).body).toMatchObject({ project: { name: 'own' } });
});
