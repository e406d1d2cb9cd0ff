import { Command } from 'commander';
import { bodyOf, type HiveClient, type Schemas } from '../../api/client/client.js';
import { addHiveOptions, connectToHive, type HiveOptions } from './hive-access.js';
import { printable } from '../../protocol/printable.js';
import { JSON_OPTION, print, type OutputOptions } from './output.js';
import { shortText } from './reading/attempt-text.js';
import { printList, type ListOf } from './reading/print-list.js';
import { UsageError } from './usage.js';

type Options = HiveOptions & OutputOptions;
type Node = Schemas['Node'];
type NodeProject = Schemas['NodeProject'];

interface ProjectRow {
  node: string;
  node_id: string;
  project: string;
  local_project_id: string;
  path: string;
  linked_to: string | null;
}

const LIST: ListOf<ProjectRow> = {
  columns: [
    { title: 'NODE', max: 20 },
    { title: 'PROJECT', max: 24 },
    { title: 'LINKED TO', max: 24 },
    { title: 'ID', leaveOut: 1 },
    { title: 'PATH' },
  ],
  cells: ({ node, project, linked_to: linked, local_project_id: id, path }) => [
    shortText(node),
    shortText(project),
    shortText(linked ?? '-'),
    id,
    path,
  ],
  none: 'no projects: no original vk-swarm node has reported any',
};

export function projectCommand(): Command {
  const project = new Command('project').description(
    "Link projects of original vk-swarm nodes: the hive mirrors what is linked. Nodes that run this project's node agent need no links.",
  );
  subcommand(project, 'list')
    .description('List the projects that original nodes have reported, and what each is linked to.')
    .action(async (options: Options) => {
      const hive = await connectToHive(options);
      const rows: ProjectRow[] = [];
      for (const node of await originalNodes(hive)) rows.push(...(await projectsOf(hive, node)).map(rowOf(node)));
      await printList(rows, LIST, options);
    });
  subcommand(project, 'link')
    .description('Link projects of a node. It logs in again, and sends their attempts within a minute.')
    .argument('<node>', 'id or name of the node')
    .argument('[project...]', 'ids, names or paths of its projects')
    .option('--all', 'all projects that the node has now')
    .option('--as <name>', 'project of the hive to link to; created if there is none (default: the name at the node)')
    .action(async (nodeName: string, names: string[], options: Options & { all?: true; as?: string }) => {
      if (names.length > 0 === (options.all ?? false)) throw new UsageError('name projects of the node, or give --all');
      const hive = await connectToHive(options);
      const node = await findNode(hive, nodeName);
      const reported = await projectsOf(hive, node);
      const chosen = options.all ? reported : names.map((name) => findProject(reported, name));
      const linked: NodeProject[] = [];
      for (const one of chosen.filter(({ swarm_project_id: id }) => id === null)) {
        await link(hive, node, one, options.as ?? one.name);
        linked.push(one);
      }
      report('linked', node, linked, options);
    });
  subcommand(project, 'unlink')
    .description('Unlink a project of a node: the hive takes no new task of it, and keeps what it has mirrored.')
    .argument('<node>', 'id or name of the node')
    .argument('<project>', 'id, name or path of its project')
    .action(async (nodeName: string, name: string, options: Options) => {
      const hive = await connectToHive(options);
      const node = await findNode(hive, nodeName);
      const found = findProject(await projectsOf(hive, node), name);
      if (found.swarm_project_id === null) throw new Error(`${found.name} of ${node.name} is not linked`);
      const path = { id: found.swarm_project_id, node_id: node.id };
      await bodyOf(hive.DELETE('/v1/swarm/projects/{id}/nodes/{node_id}', { params: { path } }));
      report('unlinked', node, [found], options);
    });
  return project;
}

function subcommand(project: Command, name: string): Command {
  return addHiveOptions(project.command(name)).option(...JSON_OPTION);
}

async function originalNodes(hive: HiveClient): Promise<Node[]> {
  return (await bodyOf(hive.GET('/v1/nodes'))).filter((node) => node.protocol_version === 1);
}

function projectsOf(hive: HiveClient, { id }: Node): Promise<NodeProject[]> {
  return bodyOf(hive.GET('/v1/nodes/{id}/projects', { params: { path: { id } } }));
}

async function findNode(hive: HiveClient, name: string): Promise<Node> {
  return only(
    (await originalNodes(hive)).filter((node) => node.id === name.toLowerCase() || node.name === name),
    `original node has the id or name ${JSON.stringify(name)}`,
  );
}

function findProject(projects: NodeProject[], name: string): NodeProject {
  return only(
    projects.filter((one) => [one.local_project_id, one.name, one.git_repo_path].includes(name)),
    `project of the node has the id, name or path ${JSON.stringify(name)}`,
  );
}

function only<T>(found: T[], what: string): T {
  const [first, ...others] = found;
  if (!first) throw new Error(`no ${what}`);
  if (others.length > 0) throw new Error(`more than one ${what}; give the id`);
  return first;
}

/** A node has one link to each project of the hive: a second one of the same name gets a project of its own. */
async function link(hive: HiveClient, node: Node, { local_project_id }: NodeProject, name: string): Promise<void> {
  const { projects } = await bodyOf(hive.GET('/v1/swarm/projects'));
  const named = projects.find((one) => one.name === name);
  const isTaken = named?.linked_node_ids.includes(node.id) ?? false;
  const id =
    named && !isTaken
      ? named.id
      : await createProject(hive, isTaken ? `${name} (${local_project_id.slice(0, 8)})` : name);
  const body = { node_id: node.id, local_project_id };
  await bodyOf(hive.POST('/v1/swarm/projects/{id}/nodes', { params: { path: { id } }, body }));
}

async function createProject(hive: HiveClient, name: string): Promise<string> {
  return (await bodyOf(hive.POST('/v1/swarm/projects', { body: { name } }))).project.id;
}

function report(what: 'linked' | 'unlinked', node: Node, projects: NodeProject[], { json }: Options): void {
  const ids = projects.map(({ local_project_id: id }) => id);
  if (json) print(JSON.stringify({ node_id: node.id, [what]: ids }));
  else if (projects.length === 0) print('nothing to do');
  else for (const { name, git_repo_path: path } of projects) print(printable(`${what} ${name} (${path})`));
}

function rowOf(node: Node) {
  return (project: NodeProject): ProjectRow => ({
    node: node.name,
    node_id: node.id,
    project: project.name,
    local_project_id: project.local_project_id,
    path: project.git_repo_path,
    linked_to: project.swarm_project_name,
  });
}
