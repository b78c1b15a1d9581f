// AuthorizationClient: users and groups; the tag methods of MetadataClient; what the other authorization clients refuse.
"use strict";

const { assert, grantOf, refused, unique } = require("./world.cjs");
const { check } = require("./registry.cjs");

const names = (list) => list.map((one) => one.name).sort();
const ids = (list) => list.map((one) => one.id).sort();
const bySubject = (type, id, target, ...access) => ({ subject: { type, id }, target, access });
const nothing = { CREATE: false, READ: false, UPDATE: false, DELETE: false, EXECUTE: false };

check("a user lives and dies", async ({ admin }) => {
  const authorization = admin.getAuthorizationClient();
  const id = unique("user@example.com");
  const made = await authorization.upsertUser(id, { name: "Ada", roles: "USER" }); // as the SDK's own tests send it
  assert.deepEqual([made.id, made.name, names(made.roles), made.groups, made.applicationUser], [id, "Ada", ["USER"], [], false]);
  const changed = await authorization.upsertUser(id, { name: "Ada L.", roles: ["USER", "METADATA_MANAGER"] });
  assert.deepEqual([changed.name, names(changed.roles), changed.uuid], ["Ada L.", ["METADATA_MANAGER", "USER"], made.uuid]);
  assert.deepEqual(await authorization.getUser(id), changed);
  assert.ok(ids(await authorization.listUsers()).includes(id));
  await authorization.deleteUser(id);
  await refused(404, () => authorization.getUser(id), id);
  await refused(404, () => authorization.deleteUser(id), id);
});

check("an application is a user too", async (world) => {
  const authorization = world.admin.getAuthorizationClient();
  const actor = await world.actor("WORKER");
  const found = await authorization.getUser(actor.user);
  assert.deepEqual([found.id, names(found.roles), found.applicationUser], [actor.user, ["WORKER"], true]);
  assert.ok(!ids(await authorization.listUsers(false)).includes(actor.user));
  assert.ok(ids(await authorization.listUsers(true)).includes(actor.user));
});

check("permissions of a user: direct ones are listed, all are checked", async ({ admin }) => {
  const authorization = admin.getAuthorizationClient();
  const [user, group, name] = [unique("user"), unique("group"), unique("workflow")];
  const target = { type: "WORKFLOW_DEF", id: name };
  await authorization.upsertUser(user, { name: "Ada", roles: ["USER"] });
  await authorization.upsertGroup(group, { description: "a group", roles: ["USER"] });
  await authorization.addUserToGroup(group, user);
  assert.deepEqual(await authorization.checkPermissions(user, "WORKFLOW_DEF", name), nothing);
  await authorization.grantPermissions(bySubject("USER", user, target, "READ"));
  await authorization.grantPermissions(bySubject("GROUP", group, target, "EXECUTE"));
  assert.deepEqual(await authorization.getGrantedPermissionsForUser(user), { grantedAccess: [{ target, access: ["READ"] }] });
  assert.deepEqual(await authorization.getGrantedPermissionsForGroup(group), { grantedAccess: [{ target, access: ["EXECUTE"] }] });
  assert.deepEqual(await authorization.checkPermissions(user, "WORKFLOW_DEF", name), { ...nothing, READ: true, EXECUTE: true });
});

check("a group lives and dies", async ({ admin }) => {
  const authorization = admin.getAuthorizationClient();
  const id = unique("group");
  const given = { description: "the forest team", roles: "USER", defaultAccess: { WORKFLOW_DEF: ["READ"] } };
  const made = await authorization.upsertGroup(id, given);
  assert.deepEqual([made.id, made.description, made.defaultAccess], [id, given.description, given.defaultAccess]);
  assert.deepEqual(names(made.roles), ["USER"]);
  assert.deepEqual(await authorization.getGroup(id), made);
  assert.ok(ids(await authorization.listGroups()).includes(id));
  await authorization.deleteGroup(id);
  await refused(404, () => authorization.getGroup(id), id);
  await refused(404, () => authorization.deleteGroup(id), id);
});

check("members come and go", async ({ admin }) => {
  const authorization = admin.getAuthorizationClient();
  const [group, ada, bob] = [unique("group"), unique("user"), unique("user")];
  for (const user of [ada, bob]) await authorization.upsertUser(user, { name: "A person", roles: ["USER"] });
  await authorization.upsertGroup(group, { description: "a group", roles: ["USER"] });
  await authorization.addUserToGroup(group, ada);
  await authorization.addUsersToGroup(group, [ada, bob]);
  assert.deepEqual(ids(await authorization.getUsersInGroup(group)), [ada, bob].sort());
  await authorization.removeUserFromGroup(group, ada);
  await authorization.removeUsersFromGroup(group, [ada, bob]);
  assert.deepEqual(await authorization.getUsersInGroup(group), []);
  await refused(404, () => authorization.addUserToGroup(group, "jssdk_nobody"), "jssdk_nobody");
});

check("a member has what its group has, at once", async (world) => {
  const authorization = world.admin.getAuthorizationClient();
  const [actor, group, name] = [await world.actor(), unique("group"), unique("secret")];
  await world.admin.getSecretClient().putSecret(name, "needles");
  await authorization.upsertGroup(group, { description: "a group", roles: ["USER"] });
  await authorization.grantPermissions(bySubject("GROUP", group, { type: "SECRET_NAME", id: name }, "READ"));
  const secrets = actor.clients.getSecretClient();
  await refused(403, () => secrets.getSecret(name), `READ on SECRET_NAME ${name}`);
  await authorization.addUserToGroup(group, actor.user);
  assert.equal(await secrets.getSecret(name), "needles");
  await authorization.removeUserFromGroup(group, actor.user);
  await refused(403, () => secrets.getSecret(name), `READ on SECRET_NAME ${name}`);
});

check("only an administrator manages users and groups", async (world) => {
  const mine = world.admin.getAuthorizationClient();
  const [user, group, eve] = [unique("user"), unique("group"), await world.actor("METADATA_MANAGER")];
  await mine.upsertUser(user, { name: "Ada", roles: ["USER"] });
  await mine.upsertGroup(group, { description: "a group", roles: ["ADMIN"] });
  const authorization = eve.clients.getAuthorizationClient();
  for (const call of [
    () => authorization.upsertUser(user, { name: "Eve", roles: ["ADMIN"] }),
    () => authorization.getUser(user),
    () => authorization.listUsers(),
    () => authorization.deleteUser(user),
    () => authorization.checkPermissions(user, "WORKFLOW_DEF", "any"),
    () => authorization.getGrantedPermissionsForUser(user),
    () => authorization.upsertGroup(group, { description: "mine", roles: ["ADMIN"] }),
    () => authorization.getGroup(group),
    () => authorization.listGroups(),
    () => authorization.deleteGroup(group),
    () => authorization.addUserToGroup(group, eve.user),
    () => authorization.addUsersToGroup(group, [eve.user]),
    () => authorization.getUsersInGroup(group),
    () => authorization.removeUserFromGroup(group, eve.user),
    () => authorization.removeUsersFromGroup(group, [eve.user]),
    () => authorization.getGrantedPermissionsForGroup(group),
  ]) {
    await refused(403, call, "Forbidden");
  }
  assert.deepEqual(await mine.getUsersInGroup(group), []);
  assert.equal((await mine.getUser(user)).name, "Ada");
});

check("grants are shown and taken by who may", async (world) => {
  const [actor, name] = [await world.actor(), unique("secret")];
  await world.admin.getSecretClient().putSecret(name, "needles");
  const authorization = actor.clients.getAuthorizationClient();
  await refused(403, () => authorization.getPermissions("SECRET_NAME", name), `READ on SECRET_NAME ${name}`);
  await refused(403, () => authorization.removePermissions(grantOf(actor, "SECRET_NAME", name, "READ")), name);
  await refused(403, () => authorization.grantPermissions(grantOf(actor, "SECRET_NAME", name, "READ")), name);
});

check("an application is not there for an outsider", async (world) => {
  const [other, stranger] = [await world.actor("WORKER"), await world.actor()];
  const applications = stranger.clients.getApplicationClient();
  const tag = { key: "team", value: "a" };
  for (const call of [
    () => applications.updateApplication(other.id, "mine"),
    () => applications.deleteApplication(other.id),
    () => applications.removeRoleFromApplicationUser(other.id, "WORKER"),
    () => applications.getAccessKeys(other.id),
    () => applications.toggleAccessKeyStatus(other.id, other.key.id),
    () => applications.deleteAccessKey(other.id, other.key.id),
    () => applications.getApplicationTags(other.id),
    () => applications.addApplicationTags(other.id, [tag]),
    () => applications.addApplicationTag(other.id, tag),
    () => applications.deleteApplicationTags(other.id, [tag]),
    () => applications.deleteApplicationTag(other.id, tag),
  ]) {
    await refused(404, call, other.id);
  }
  await refused(404, () => applications.getAppByAccessKeyId(other.key.id), other.key.id);
});

check("tags of an application are added and taken one by one and together", async (world) => {
  const { id } = await world.actor();
  const applications = world.admin.getApplicationClient();
  await applications.addApplicationTag(id, { key: "team", value: "a" });
  await applications.addApplicationTags(id, [{ key: "cost", value: "low" }, { key: "stage", value: "test" }]);
  assert.deepEqual((await applications.getApplicationTags(id)).map((tag) => tag.key).sort(), ["cost", "stage", "team"]);
  await applications.deleteApplicationTag(id, { key: "team", value: "a" });
  await applications.deleteApplicationTags(id, [{ key: "cost", value: "low" }, { key: "stage", value: "test" }]);
  assert.deepEqual(await applications.getApplicationTags(id), []);
});

check("tags of a secret ask for rights", async (world) => {
  const [name, stranger] = [unique("secret"), await world.actor()];
  await world.admin.getSecretClient().putSecret(name, "needles");
  const [secrets, tags] = [stranger.clients.getSecretClient(), [{ key: "team", value: "a" }]];
  await refused(403, () => secrets.getSecretTags(name), `READ on SECRET_NAME ${name}`);
  await refused(403, () => secrets.setSecretTags(tags, name), `UPDATE on SECRET_NAME ${name}`);
  await refused(403, () => secrets.deleteSecretTags(tags, name), `UPDATE on SECRET_NAME ${name}`);
});

check("a deleted key lists nothing", async (world) => {
  const outlaw = await world.outlaw();
  const secrets = outlaw.getSecretClient();
  await refused(401, () => outlaw.getApplicationClient().getAllApplications());
  await refused(401, () => secrets.listAllSecretNames());
  await refused(401, () => secrets.listSecretsThatUserCanGrantAccessTo());
  await refused(401, () => secrets.secretExists("any"));
});

const TASK = {
  type: "TASK_DEF",
  make: (metadata, name) => metadata.registerTask({ name, timeoutSeconds: 60, responseTimeoutSeconds: 30 }),
  calls: ["getTaskTags", "addTaskTag", "setTaskTags", "deleteTaskTag"],
};
const WORKFLOW = {
  type: "WORKFLOW_DEF",
  make: (metadata, name) => {
    const tasks = [{ name: "do_it", taskReferenceName: "do_it_ref", type: "SIMPLE", inputParameters: {} }];
    return metadata.registerWorkflowDef({ name, version: 1, tasks, timeoutSeconds: 0 }, true);
  },
  calls: ["getWorkflowTags", "addWorkflowTag", "setWorkflowTags", "deleteWorkflowTag"],
};

const tagsComeAndGo = async ({ admin }, { make, calls: [get, add, set, remove] }) => {
  const [metadata, name] = [admin.getMetadataClient(), unique("tagged")];
  const [forest, test] = [{ key: "team", value: "forest" }, { key: "stage", value: "test", type: "METADATA" }];
  await make(metadata, name);
  assert.deepEqual(await metadata[get](name), []);
  await metadata[add](forest, name);
  await metadata[add](test, name);
  assert.deepEqual((await metadata[get](name)).sort((one, other) => one.key.localeCompare(other.key)), [test, forest]);
  await metadata[set]([{ key: "team", value: "sea" }], name); // replaces them all
  assert.deepEqual(await metadata[get](name), [{ key: "team", value: "sea" }]);
  await metadata[remove]({ key: "team", value: "sea" }, name);
  assert.deepEqual(await metadata[get](name), []);
  await refused(404, () => metadata[get](`${name}_missing`), `${name}_missing`);
};

const tagsAskForRights = async (world, { type, make, calls: [get, add, set, remove] }) => {
  const [name, tag] = [unique("tagged"), { key: "team", value: "forest" }];
  await make(world.admin.getMetadataClient(), name);
  const metadata = (await world.actor()).clients.getMetadataClient();
  await refused(403, () => metadata[get](name), `READ on ${type} ${name}`);
  await refused(403, () => metadata[add](tag, name), `UPDATE on ${type} ${name}`);
  await refused(403, () => metadata[set]([tag], name), `UPDATE on ${type} ${name}`);
  await refused(403, () => metadata[remove](tag, name), `UPDATE on ${type} ${name}`);
};

check("tags of a task come and go", (world) => tagsComeAndGo(world, TASK));

check("tags of a workflow come and go", (world) => tagsComeAndGo(world, WORKFLOW));

check("tags of a task ask for rights", (world) => tagsAskForRights(world, TASK));

check("tags of a workflow ask for rights", (world) => tagsAskForRights(world, WORKFLOW));
