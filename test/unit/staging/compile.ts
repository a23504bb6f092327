import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const REPOSITORY = resolve(import.meta.dirname, '../../..');

/**
 * Puts rooms of this repository into `folder` as JavaScript, so that a plain `node` process can be started on them and
 * killed. Types are not checked here: tsc does that.
 */
export async function compileRooms(folder: string, rooms: readonly string[]): Promise<void> {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  for (const room of rooms) {
    await mkdir(join(folder, room), { recursive: true });
    for (const name of await readdir(join(REPOSITORY, room))) {
      if (!name.endsWith('.ts')) continue;
      const source = await readFile(join(REPOSITORY, room, name), 'utf8');
      const { outputText } = ts.transpileModule(source, { compilerOptions: options });
      await writeFile(join(folder, room, name.replace(/\.ts$/, '.js')), outputText);
    }
  }
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  await cp(join(REPOSITORY, 'package.json'), join(folder, 'package.json'));
}
