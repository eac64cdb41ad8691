//! Rows and columns of the published tables, which their readers and the built-in sets share.

pub(crate) mod airfoil {
    /// The columns of the file, which has no header: frequency in Hz, angle of attack in degrees, chord length in m,
    /// speed of the free stream in m/s, thickness of the boundary layer in m, and the sound pressure level in dB.
    pub(crate) const COLUMNS: [&str; 6] =
        ["frequency", "angle", "chord", "speed", "thickness", "sound"];
    /// Rows of the file.
    pub(crate) const ROWS: usize = 1503;
}

pub(crate) mod diabetes {
    /// The columns of the files, which have no header: pregnancies, glucose in the blood after two hours of a tolerance
    /// test, diastolic blood pressure in mm Hg, thickness of the skin fold at the triceps in mm, insulin in µU/ml, body
    /// mass index in kg/m², a score of diabetes in the family, age in years, and the label.
    pub(crate) const COLUMNS: [&str; 9] = [
        "pregnancies",
        "glucose",
        "pressure",
        "skin",
        "insulin",
        "bmi",
        "pedigree",
        "age",
        "label",
    ];
    /// Rows of the original file and of the scaled one.
    pub(crate) const ROWS: [usize; 2] = [768, 759];
}

pub(crate) mod titanic {
    /// The columns that the file names.
    pub(crate) const COLUMNS: [&str; 12] = [
        "PassengerId",
        "Survived",
        "Pclass",
        "Name",
        "Sex",
        "Age",
        "SibSp",
        "Parch",
        "Ticket",
        "Fare",
        "Cabin",
        "Embarked",
    ];
    /// Rows of the file.
    pub(crate) const ROWS: usize = 891;
}

pub(crate) mod house_prices {
    /// The column that numbers the houses of both files.
    pub(crate) const ID: &str = "Id";
    /// The column that only the training file has.
    pub(crate) const PRICE: &str = "SalePrice";
    /// Rows of the training file and of the test file.
    pub(crate) const ROWS: [usize; 2] = [1460, 1459];
}
