//! Our values on PostgreSQL's wire.

use std::error::Error as StdError;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::operation::Value;

/// The type that a parameter is sent as. The server finds out that of a NULL, and it gives one of them to
/// a parameter that is used several times.
pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(&Type::INT8, out),
            Self::Text(value) => value.to_sql(&Type::TEXT, out),
        }
    }

    /// What a value is sent as is decided by `type_of`.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'r> FromSql<'r> for Value {
    fn from_sql(sql_type: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *sql_type {
            Type::INT8 => Self::Int(i64::from_sql(sql_type, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(sql_type, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(sql_type, raw)?.into()),
            _ => Self::Text(String::from_sql(sql_type, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(sql_type: &Type) -> bool {
        matches!(*sql_type, Type::INT8 | Type::INT4 | Type::BOOL)
            || <String as FromSql>::accepts(sql_type)
    }
}
