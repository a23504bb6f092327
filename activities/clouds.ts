import { ImageStreamError } from '../contracts/errors.js';
import type { CloudFingerprint, TargetRef } from '../contracts/sync.js';
import { Glance, KeystoneAdmin, Session, Swift, loadCloud } from '../openstack/index.js';

export interface CloudAccess {
  session: Session;
  fingerprint: CloudFingerprint;
}

/** Sessions of the clouds by name, kept so that tokens are used again; credentials are read by the worker alone. */
export class Clouds {
  private readonly sessions = new Map<string, Promise<Session>>();
  /** Sessions that new steps do not use any more; a handful in a worker's life, one each time that Keystone fails. */
  private readonly left = new Set<Session>();
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly onWarning: (message: string) => void,
    private readonly build: string,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {}

  /** Signs in where that has not been done. @throws {ImageStreamError} Unauthorized, KeystoneUnreachable … */
  async open(name: string): Promise<CloudAccess> {
    const known = this.sessions.has(name);
    try {
      return await this.enter(name);
    } catch (error) {
      const passing = error instanceof ImageStreamError && error.retryable;
      if (!known || passing) throw error;
      // The password may have been changed, in the cloud and in clouds.yaml, since it was read.
      return this.enter(name);
    }
  }

  /** @throws {ImageStreamError} CloudDiffers, when the name means another cloud or project than the run was started for */
  async ofTarget(target: TargetRef): Promise<Session> {
    const { session, fingerprint } = await this.open(target.cloud);
    const { authUrl, projectId } = target.fingerprint;
    if (fingerprint.authUrl !== authUrl || fingerprint.projectId !== projectId) {
      throw new ImageStreamError(
        'CloudDiffers',
        `The run is for project ${projectId} at ${authUrl}, but ${target.cloud} is project ${fingerprint.projectId} at ${fingerprint.authUrl} here`,
      );
    }
    return session;
  }

  async glance(target: TargetRef): Promise<Glance> {
    return new Glance(await this.ofTarget(target), target.region);
  }

  async swift(target: TargetRef): Promise<Swift> {
    return new Swift(await this.ofTarget(target), target.region);
  }

  async admin(target: TargetRef): Promise<KeystoneAdmin> {
    return new KeystoneAdmin(await this.ofTarget(target));
  }

  /** Work on what a cloud has only one of, such as a service in its catalogue: one after the other, also for several regions. */
  async inTurn<T>(cloud: string, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(cloud) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.turns.set(cloud, turn);
    return turn;
  }

  async close(): Promise<void> {
    const sessions = await Promise.allSettled(this.sessions.values());
    this.sessions.clear();
    for (const one of sessions) if (one.status === 'fulfilled') await one.value.close();
    for (const one of this.left) await one.close();
    this.left.clear();
  }

  private async enter(name: string): Promise<CloudAccess> {
    const made = this.session(name);
    const session = await made;
    try {
      return { session, fingerprint: await session.identity() };
    } catch (error) {
      // What clouds.yaml says may be mended meanwhile: the next attempt reads it again.
      if (this.sessions.get(name) === made) this.sessions.delete(name);
      // Transfers under way go on with the token that they have, also while Keystone is away.
      if (session.authenticated) this.left.add(session);
      else await session.close();
      throw error;
    }
  }

  private session(name: string): Promise<Session> {
    const known = this.sessions.get(name);
    if (known) return known;
    const made = loadCloud(name, { env: this.env }).then(
      (config) => new Session(config, { onWarning: this.onWarning, userAgent: `image-stream/${this.build}` }),
    );
    made.catch(() => {
      if (this.sessions.get(name) === made) this.sessions.delete(name);
    });
    this.sessions.set(name, made);
    return made;
  }
}
