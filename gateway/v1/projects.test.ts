/** Linking: an original node sends tasks and attempts of a project only once a login has told it, or it knows, of a link. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { forOrganization, type OrganizationScope } from '../../prisma/organization-scope.js';
import {
  createSwarmProject,
  deleteSwarmProject,
  linkNodeProject,
  listNodeProjects,
  unlinkNodeProject,
} from '../../prisma/queries/swarm-projects.js';
import { ScriptedV1Node, type Frame, type V1Attempt } from '../../tests/harness/scripted-v1-node.js';
import { startTestGateway, type TestGateway } from '../../tests/harness/test-gateway.js';
import { until } from '../../tests/harness/until.js';

const NIL_UUID = '00000000-0000-0000-0000-000000000000';

let testGateway: TestGateway;
let scope: OrganizationScope;
const nodes: LinkingNode[] = [];

beforeAll(async () => {
  testGateway = await startTestGateway();
  scope = forOrganization(testGateway.database, testGateway.organizationId);
});
afterEach(() => {
  for (const { node } of nodes.splice(0)) node.drop();
});
afterAll(() => testGateway.stop());

interface Project {
  frame: { local_project_id: string; name: string; git_repo_path: string; default_branch: string };
  /** What the original keeps as `remote_project_id`: null if the project is not linked. */
  remoteId: string | null;
}

interface LocalTask {
  project: Project;
  id: string;
  sharedId: string | null;
  attempt: V1Attempt;
}

/** What an original node does about links: its login sets them, and everything of a project that has none stays at home. */
class LinkingNode {
  readonly projects: Project[] = [];
  readonly tasks: LocalTask[] = [];
  id = '';
  linked: Record<string, unknown>[] = [];

  constructor(readonly node: ScriptedV1Node) {}

  addProject(name: string, remoteId: string | null = null): Project {
    const local_project_id = randomUUID();
    const frame = { local_project_id, name, git_repo_path: `/home/me/${name}`, default_branch: 'main' };
    const project = { frame, remoteId };
    this.projects.push(project);
    return project;
  }

  addTask(project: Project, sharedId: string | null = null): LocalTask {
    const task = { project, id: randomUUID(), sharedId, attempt: this.node.addAttempt() };
    this.tasks.push(task);
    return task;
  }

  async login(): Promise<void> {
    const result = await this.node.connect(testGateway.url);
    this.id = result['node_id'] as string;
    this.linked = result['linked_projects'] as Record<string, unknown>[];
    for (const project of this.projects) {
      const link = this.linked.find((one) => one['local_project_id'] === project.frame.local_project_id);
      if (link?.['is_owned'] === true) project.remoteId = link['project_id'] as string;
    }
    for (const { frame, remoteId } of this.projects) {
      const isKnown = this.linked.some((one) => one['local_project_id'] === frame.local_project_id);
      if (remoteId === null || isKnown) continue;
      const { local_project_id, git_repo_path } = frame;
      this.node.send('link_project', { project_id: remoteId, local_project_id, git_repo_path, default_branch: 'main' });
    }
    await this.cycle();
  }

  /** @returns the answers to its tasks */
  async cycle(): Promise<Frame['data'][]> {
    if (this.projects.length > 0)
      this.node.send('projects_sync', { projects: this.projects.map(({ frame }) => frame) });
    const answers: Frame['data'][] = [];
    for (const task of this.tasks.filter(({ project }) => project.remoteId !== null)) {
      this.node.send('task_sync', taskFrame(task));
      const answered = await this.node.next('task_sync_response');
      if (answered['success'] === true) task.sharedId ??= answered['shared_task_id'] as string;
      answers.push(answered);
    }
    for (const { sharedId, attempt } of this.tasks) {
      if (sharedId === null) continue;
      attempt.frame.shared_task_id = sharedId;
      this.node.pushAttempt(attempt);
    }
    return answers;
  }
}

function taskFrame({ project, id, sharedId }: LocalTask) {
  return {
    ...{ local_task_id: id, shared_task_id: sharedId, local_project_id: project.frame.local_project_id },
    ...{ title: 'Task', description: null, status: 'inprogress', version: 1, is_update: sharedId !== null },
    ...{ owner_node_id: null, owner_name: null, label_ids: [], assignee_user_id: null, assignee_name: null },
    ...{ assignee_username: null, created_at: '2026-02-01T10:00:00Z', updated_at: '2026-02-01T10:20:00.123Z' },
  };
}

async function newNode(): Promise<LinkingNode> {
  const node = new LinkingNode(new ScriptedV1Node((await testGateway.newKey()).secret));
  nodes.push(node);
  return node;
}

const reported = (node: LinkingNode) => listNodeProjects(scope, node.id);
const isReported = (node: LinkingNode, count = 1) => until(async () => (await reported(node)).length === count);
const isMirrored = async ({ attempt }: LocalTask) =>
  (await testGateway.database.attempt.count({ where: { id: attempt.frame.attempt_id } })) === 1;

async function newProject(): Promise<string> {
  const project = await createSwarmProject(scope, { name: randomUUID(), description: null, metadata: {} });
  if (typeof project === 'string') throw new Error(project);
  return project.id;
}

async function link(node: LinkingNode, { frame }: Project, projectId: string) {
  const request = { nodeId: node.id, localProjectId: frame.local_project_id, gitRepoPath: undefined };
  return linkNodeProject(scope, projectId, request);
}

test('a project that no hive had linked is mirrored once it is linked, and nothing of it before', async () => {
  const node = await newNode();
  const project = node.addProject('repo');
  const task = node.addTask(project);
  await node.login();
  expect(node.linked).toEqual([]);
  await isReported(node);
  expect(await isMirrored(task)).toBe(false);

  const projectId = await newProject();
  const linked = await link(node, project, projectId);
  expect(linked).toMatchObject({ nodeId: node.id, swarmProjectId: projectId, projectName: 'repo', osType: 'linux' });
  await until(() => node.node.isClosed, 60_000, 'the node has to log in again');
  await node.login();
  expect(node.linked).toEqual([
    {
      link_id: expect.any(String),
      project_id: projectId,
      local_project_id: project.frame.local_project_id,
      git_repo_path: '/home/me/repo',
      default_branch: 'main',
      project_name: 'repo',
      source_node_id: node.id,
      source_node_name: 'node-1',
      is_owned: true,
    },
  ]);
  await until(() => isMirrored(task));
  node.node.heartbeat();
  await node.node.next('heartbeat_ack'); // it stays connected
});

test('the connection ends with a WebSocket close, after which an original node is back in 5 s', async () => {
  const node = await newNode();
  const project = node.addProject('repo');
  await node.login();
  await isReported(node);
  node.node.drop();
  const socket = new WebSocket(`${testGateway.url.replace(/^http/, 'ws')}/v1/nodes/ws`);
  await once(socket, 'open');
  const auth = { api_key: node.node.apiKey, machine_id: 'cf391d95b363b81c', name: 'node-1', capabilities: {} };
  socket.send(JSON.stringify({ type: 'auth', data: { ...auth, public_url: null, protocol_version: 1 } }));
  await once(socket, 'message');
  const frames: string[] = [];
  socket.on('message', (data: Buffer) => frames.push(data.toString()));
  const closed = once(socket, 'close');
  await link(node, project, await newProject());
  expect((await closed)[0]).toBe(1001);
  expect(JSON.parse(frames.at(-1) ?? '')).toMatchObject({ type: 'close', data: { reason: /log in again/ } });
});

test('a link that the node brings from another hive is kept, and told at its next login', async () => {
  const node = await newNode();
  const project = node.addProject('brought', randomUUID());
  const task = node.addTask(project, randomUUID());
  await node.login();
  await until(() => isMirrored(task));
  await until(async () => (await reported(node))[0]?.swarmProjectId === project.remoteId);
  expect(node.node.isClosed).toBe(false);
  const other = await newNode();
  other.addProject('brought', randomUUID()); // another project of the same name
  await other.login();
  await until(async () => (await reported(other))[0]?.swarmProjectId !== null);
  node.node.drop();
  await node.login();
  expect(node.linked).toMatchObject([{ project_id: project.remoteId, project_name: 'brought' }]);
});

test('what an administrator has unlinked stays unlinked: the node cannot link it again, and no new task is taken', async () => {
  const node = await newNode();
  const [project, kept] = [node.addProject('private'), node.addProject('kept', randomUUID())];
  const task = node.addTask(project);
  const other = node.addTask(kept);
  await node.login();
  await isReported(node, 2);
  const projectId = await newProject();
  await link(node, project, projectId);
  await until(() => node.node.isClosed);
  await node.login();
  expect(await unlinkNodeProject(scope, { projectId, nodeId: node.id })).toBe(true);
  expect(await unlinkNodeProject(scope, { projectId, nodeId: node.id })).toBe(false);
  await until(() => node.node.isClosed);
  await node.login(); // it still has the link, and tells of it
  expect(node.linked).toMatchObject([{ project_name: 'kept' }]);
  task.sharedId = null;
  expect(await node.cycle()).toEqual([
    {
      local_task_id: task.id,
      shared_task_id: NIL_UUID,
      success: false,
      error: expect.stringMatching(/^Project not linked to swarm/),
    },
    expect.objectContaining({ local_task_id: other.id, success: true }),
  ]);
  const find = async () => (await reported(node)).find(({ name }) => name === 'private');
  expect((await find())?.swarmProjectId).toBeNull();
  await link(node, project, projectId);
  await until(() => node.node.isClosed);
  await node.login();
  expect(node.linked).toHaveLength(2);
});

test('a project that is deleted is unlinked from its nodes', async () => {
  const node = await newNode();
  const project = node.addProject('repo');
  await node.login();
  await isReported(node);
  const projectId = await newProject();
  await link(node, project, projectId);
  await until(() => node.node.isClosed);
  await node.login();
  expect(await deleteSwarmProject(scope, projectId)).toBe('deleted');
  expect(await deleteSwarmProject(scope, projectId)).toBe('unknown');
  await until(() => node.node.isClosed);
  await node.login();
  expect(node.linked).toEqual([]);
});

test('the hive has the projects that the node has now; a repetition, also after a login, writes nothing', async () => {
  const node = await newNode();
  const [first] = [node.addProject('first'), node.addProject('sec\0ond'), node.addProject('third')];
  await node.login();
  await isReported(node, 3);
  expect((await reported(node)).map(({ name }) => name)).toEqual(['first', 'sec\uFFFDond', 'third']);
  const versions = () =>
    testGateway.database.$queryRaw`
      SELECT xmin::text, local_project_id FROM node_project WHERE node_id = ${node.id}::uuid ORDER BY 2`;
  const before = await versions();
  await node.cycle();
  node.node.drop();
  await node.login();
  node.node.send('link_project', 'junk');
  node.node.send('unlink_project', { project_id: randomUUID() });
  node.node.heartbeat();
  await node.node.next('heartbeat_ack');
  node.node.send('task_sync', taskFrame(node.addTask(first)));
  await node.node.next('task_sync_response'); // what came before it has been handled
  expect(await versions()).toEqual(before);
  node.projects.splice(1, 1);
  Object.assign(node.projects[0]?.frame ?? {}, { name: 'renamed', git_repo_path: '/srv/renamed' });
  await node.cycle();
  await isReported(node, 2);
  expect(await reported(node)).toMatchObject([{ name: 'renamed', gitRepoPath: '/srv/renamed' }, { name: 'third' }]);
});

test('a node that tells of ever new links does not create more projects than an organisation may have', async () => {
  const node = await newNode();
  const project = node.addProject('one', randomUUID());
  await node.login();
  await isReported(node);
  const known = await newProject();
  const { database, organizationId } = testGateway;
  await database.$executeRaw`
    INSERT INTO swarm_project (organization_id, id, name)
    SELECT ${organizationId}::uuid, gen_random_uuid(), 'filler ' || n FROM generate_series(1, 10000) n`;
  const count = await database.swarmProject.count();
  const { local_project_id, git_repo_path } = project.frame;
  for (const project_id of [randomUUID(), randomUUID(), known])
    node.node.send('link_project', { project_id, local_project_id, git_repo_path });
  await until(async () => (await reported(node))[0]?.swarmProjectId === known); // one that exists may be linked
  expect(await database.swarmProject.count()).toBe(count);
  await database.$executeRaw`DELETE FROM swarm_project WHERE name LIKE 'filler %'`;
});
