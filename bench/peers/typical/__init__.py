"""The service a good team would usually write: FastAPI, pydantic and the SQLAlchemy ORM, one transaction a request.

It keeps the rules of the contract for sessions and single records, with the same durability. It does less than
Hydrobit: no hash chain, no gapless numbers, no held late arrivals, no bulk, no names of ignored fields.
"""
