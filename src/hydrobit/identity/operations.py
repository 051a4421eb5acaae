"""The rows of a company's users."""

from msgspec import UNSET

from hydrobit.audit.service import author_of
from hydrobit.errors import Code
from hydrobit.identity import people, reading, store
from hydrobit.identity.store import Profile
from hydrobit.kit.instants import write_instant
from hydrobit.operation import ADMINS, PAGING, Call, Context, Http, Operation, Parameter, Repeat, Reply
from hydrobit.wire.body import Body
from hydrobit.wire.companies import Company, CompanyChange, CompanyEnvelope
from hydrobit.wire.users import User, UserChange, UserEnvelope, UserInput, UserPage, UserPageEnvelope, UserSwitch


async def add_user(context: Context, call: Call) -> Reply:
    body = call.body
    wish = reading.user_wish(body.userId, body.name, body.role, body.email)
    added, is_new = await context.engine.write(people.add_user, author_of(context, call), wish)
    return Reply(201 if is_new else 200, _envelope(call, added))


async def change_user(context: Context, call: Call) -> Reply:
    change = reading.profile_change(call.body.name, call.body.role, call.body.email)
    changed = await context.engine.write(people.change_user, author_of(context, call), call.path["userId"], change)
    return Reply(200, _envelope(call, changed))


async def disable_user(context: Context, call: Call) -> Reply:
    return await _switch(context, call, False)


async def enable_user(context: Context, call: Call) -> Reply:
    return await _switch(context, call, True)


async def list_users(context: Context, call: Call) -> Reply:
    page, page_size = call.page
    total, found = await context.engine.read(store.page_of_users, call.caller.company, page, page_size)
    items = list(map(_user, found))
    return Reply(200, UserPageEnvelope(data=UserPage(total=total, page=page, pageSize=page_size, items=items)))


async def read_company(context: Context, call: Call) -> Reply:
    found = await context.engine.read(store.company, call.caller.company)
    return Reply(200, _company(call, found))


async def change_company(context: Context, call: Call) -> Reply:
    name, refuses = reading.company_change(call.body.companyName, call.body.refusesUnknownWorkers)
    changed = await context.engine.write(people.change_company, author_of(context, call), name, refuses)
    return Reply(200, _company(call, changed))


def _company(call: Call, company: store.Company) -> CompanyEnvelope:
    told = Company(
        companyId=company.company_id,
        companyName=company.name,
        refusesUnknownWorkers=company.refuses_unknown_workers,
        createdAt=write_instant(company.created_at),
    )
    return CompanyEnvelope(data=told, ignored=call.ignored_or_unset)


async def _switch(context: Context, call: Call, active: bool) -> Reply:
    switched = await context.engine.write(people.switch_user, author_of(context, call), call.path["userId"], active)
    return Reply(200, _envelope(call, switched))


def _envelope(call: Call, user: Profile) -> UserEnvelope:
    return UserEnvelope(data=_user(user), ignored=call.ignored_or_unset)


def _user(user: Profile) -> User:
    return User(
        userId=user.user_id,
        name=user.name,
        email=user.email or UNSET,
        role=user.role.value,
        status="active" if user.disabled_at is None else "disabled",
        createdAt=write_instant(user.created_at),
        disabledAt=UNSET if user.disabled_at is None else write_instant(user.disabled_at),
    )


TAG = "Administration"
PATH = "/api/control/admin/users"
COMPANY_PATH = "/api/control/admin/company"
USER_ID = Parameter("userId", "path", True, "user_987654321")
RIGHTS_ERRORS = (Code.user_not_found, Code.own_rights, Code.last_admin)

OPERATIONS = (
    Operation(
        name="addUser",
        tag=TAG,
        summary="Add a user",
        description=(
            "Lets a user of the identity provider into the company. A user belongs to one company; an id that is "
            "taken, here or elsewhere, is refused."
        ),
        http=Http("POST", PATH, {200: "The same user was added before.", 201: "Added."}),
        handler=add_user,
        request=Body(UserInput),
        answer=UserEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.id_taken,),
        request_examples={
            "supervisor": {"userId": "user_987654321", "name": "Demo Supervisor", "role": "supervisor"},
        },
    ),
    Operation(
        name="listUsers",
        tag=TAG,
        summary="List the company's users",
        description="Every user, disabled ones too, in the order of their ids.",
        http=Http("GET", PATH, {200: "One page."}),
        handler=list_users,
        answer=UserPageEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
        parameters=(*PAGING,),
    ),
    Operation(
        name="changeUser",
        tag=TAG,
        summary="Change a user's name, role or email",
        description=(
            "A changed role counts within seconds on every server. An admin cannot demote themselves, nor the last "
            "active admin."
        ),
        http=Http("PATCH", PATH + "/{userId}", {200: "Changed."}),
        handler=change_user,
        request=Body(UserChange),
        request_examples={"leader": {"role": "admin"}},
        answer=UserEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(*RIGHTS_ERRORS, Code.nothing_to_change),
        parameters=(USER_ID,),
    ),
    Operation(
        name="disableUser",
        tag=TAG,
        summary="Disable a user",
        description=(
            "The user's tokens are refused within seconds on every server; what the user did stays. An admin cannot "
            "disable themselves, nor the last active admin."
        ),
        http=Http("POST", PATH + "/{userId}/disable", {200: "Disabled."}, body_required=False),
        handler=disable_user,
        request=Body(UserSwitch),
        answer=UserEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=RIGHTS_ERRORS,
        parameters=(USER_ID,),
    ),
    Operation(
        name="enableUser",
        tag=TAG,
        summary="Enable a user again",
        description="The user may call again, in the role of before.",
        http=Http("POST", PATH + "/{userId}/enable", {200: "Enabled."}, body_required=False),
        handler=enable_user,
        request=Body(UserSwitch),
        answer=UserEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.user_not_found,),
        parameters=(USER_ID,),
    ),
    Operation(
        name="readCompany",
        tag=TAG,
        summary="Read the company's own facts",
        description="The caller's company. Adding and disabling companies is the operator's, at the command line.",
        http=Http("GET", COMPANY_PATH, {200: "The company."}),
        handler=read_company,
        answer=CompanyEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
    ),
    Operation(
        name="changeCompany",
        tag=TAG,
        summary="Change the company's own facts",
        description="Changes the caller's company: its name, and whether counts of unknown workers are refused.",
        http=Http("PATCH", COMPANY_PATH, {200: "Changed."}),
        handler=change_company,
        request=Body(CompanyChange),
        answer=CompanyEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.nothing_to_change,),
        request_examples={"strict": {"refusesUnknownWorkers": True}},
    ),
)
