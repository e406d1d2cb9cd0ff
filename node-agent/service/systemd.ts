import { chmodSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { homeDirectory } from '../config-file.js';
import { NodeAgentError } from '../errors.js';
import { ask, must, readFile, removeFile, writeFile, type ServiceManager, type ServiceState } from './manager.js';
import type { Scope, ServicePlan } from './plan.js';
import { systemdUnit, UNIT_NAME, variablesFile } from './systemd-unit.js';

const ABSENT =
  'systemd does not run here, or not for this user: let what starts services here start `node-agent connect`';
const PROPERTIES = 'ActiveState,SubState,Result,UnitFileState,MainPID,NRestarts,ActiveEnterTimestamp';

export class Systemd implements ServiceManager {
  readonly #scope: Scope;
  readonly #plan: () => ServicePlan;
  readonly #file: string;

  /** @param plan made only when it is needed: a service can be removed after its configuration */
  constructor(scope: Scope, plan: () => ServicePlan, folder = unitFolder(scope)) {
    this.#scope = scope;
    this.#plan = plan;
    this.#file = join(folder, UNIT_NAME);
  }

  install(): string[] {
    this.#requireManager();
    const plan = this.#plan();
    const variables = variablesFile(plan.variables);
    if (variables === '') removeFile(plan.variablesFile);
    else writeFile(plan.variablesFile, variables);
    writeFile(this.#file, systemdUnit(plan));
    chmodSync(this.#file, 0o644); // it has no secret, and the manager warns of others
    this.#control('daemon-reload');
    this.#control('enable', UNIT_NAME);
    this.#control('restart', UNIT_NAME);
    return this.#scope === 'user' ? stayAfterLogout() : [];
  }

  uninstall(): boolean {
    this.#requireManager();
    if (readFile(this.#file) === undefined) return false;
    this.#control('disable', '--now', UNIT_NAME);
    removeFile(this.#file);
    this.#control('daemon-reload');
    return true;
  }

  state(): ServiceState {
    const unit = readFile(this.#file);
    const { status, stdout } = this.#ask('show', UNIT_NAME, `--property=${PROPERTIES}`);
    const properties = new Map(stdout.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]));
    const value = (name: string) => properties.get(name) ?? '';
    const isRunning = value('ActiveState') === 'active';
    const restarts = Number(value('NRestarts'));
    const facts = [
      `${value('ActiveState')} (${value('SubState')})`,
      ...(isRunning ? [`since ${value('ActiveEnterTimestamp')}`, `process ${value('MainPID')}`] : []),
      ...(restarts > 0 ? [`restarted ${restarts} times`] : []),
      ...(!isRunning && !['', 'success'].includes(value('Result')) ? [`ended by: ${value('Result')}`] : []),
    ];
    return {
      file: this.#file,
      isInstalled: unit !== undefined,
      isEnabled: value('UnitFileState') === 'enabled',
      isRunning,
      detail: status === 0 ? facts.join(', ') : ABSENT,
    };
  }

  #requireManager(): void {
    if (this.#ask('show', '--property=Version').status !== 0) throw new NodeAgentError('service', ABSENT);
  }

  #control(...args: string[]): void {
    must('systemctl', this.#arguments(args));
  }

  #ask(...args: string[]) {
    return ask('systemctl', this.#arguments(args));
  }

  #arguments(args: string[]): string[] {
    return this.#scope === 'user' ? ['--user', ...args] : args;
  }
}

function unitFolder(scope: Scope): string {
  if (scope === 'system') return '/etc/systemd/system';
  const given = process.env['XDG_CONFIG_HOME'];
  const base = given !== undefined && isAbsolute(given) ? given : join(homeDirectory() ?? '/', '.config');
  return join(base, 'systemd', 'user');
}

/** A user's services end with the last session of the user, unless they linger. */
function stayAfterLogout(): string[] {
  const { username } = userInfo();
  if (ask('loginctl', ['show-user', username, '--property=Linger', '--value']).stdout.trim() === 'yes') return [];
  if (ask('loginctl', ['enable-linger', username]).status === 0) return [];
  return [`it ends when you log out, until an admin allows it: sudo loginctl enable-linger ${username}`];
}
